//! `coolcache`: the server, and the tools around its files.

#[cfg(feature = "jemalloc")]
#[global_allocator]
static ALLOCATOR: tikv_jemallocator::Jemalloc = tikv_jemallocator::Jemalloc;

fn main() -> std::process::ExitCode {
    coolcache::cli::main(std::env::args_os().skip(1).collect())
}
