//! Prints the table of docs/races.md.

fn main() {
    print!("{}", peer_races::render());
}
