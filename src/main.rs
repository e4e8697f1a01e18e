//! `coolcache`: the server, and in time the tools around its files.

#[cfg(feature = "jemalloc")]
#[global_allocator]
static ALLOCATOR: tikv_jemallocator::Jemalloc = tikv_jemallocator::Jemalloc;

fn main() -> std::process::ExitCode {
    coolcache::cli::main(std::env::args().skip(1).collect())
}
