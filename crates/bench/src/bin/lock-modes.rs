//! `cargo lock-modes`: see the library's `lock_modes`.

fn main() {
    bench::lock_modes::main();
}
