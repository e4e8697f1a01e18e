//! `coolcache-cli`: the command line client.

fn main() -> std::process::ExitCode {
    coolcache::cli::client::main(std::env::args_os())
}
