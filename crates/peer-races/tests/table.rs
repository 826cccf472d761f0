//! The table in docs/races.md is what the exploration of the peer finds. `UPDATE_RACES=1` writes it there.

const BEGIN: &str = "<!-- table: begin -->\n";
const END: &str = "<!-- table: end -->";

#[test]
fn the_table_is_what_is_found() {
    let path = concat!(env!("CARGO_MANIFEST_DIR"), "/../../docs/races.md");
    let text = std::fs::read_to_string(path).unwrap();
    let (before, rest) = text.split_once(BEGIN).expect("the table has a beginning");
    let (table, after) = rest.split_once(END).expect("the table has an end");
    let found = peer_races::render();
    if std::env::var_os("UPDATE_RACES").is_some() {
        std::fs::write(path, format!("{before}{BEGIN}{found}{END}{after}")).unwrap();
    } else {
        assert_eq!(table, found, "UPDATE_RACES=1 writes it anew");
    }
}
