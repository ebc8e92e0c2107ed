mod codegen;
fn main() {}
