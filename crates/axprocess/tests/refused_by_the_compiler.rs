//! What safe code cannot even say: no object by value or by `&mut`, none made by hand, no relation and no hold in the host's hands. Each with the right error.

#[test]
fn no_object_is_had_by_value() {
    // Design, ownership, against any safe host: the errors of each program are those in the file beside it, all of them and no other.
    trybuild::TestCases::new().compile_fail("tests/refused/*.rs");
}
