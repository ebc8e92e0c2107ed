//! Project tasks that are not part of the product.
mod codegen {
    pub mod kubernetes;
}

fn main() -> std::process::ExitCode {
    match codegen::kubernetes::run() {
        Ok(()) => std::process::ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("error: {error}");
            std::process::ExitCode::FAILURE
        }
    }
}
