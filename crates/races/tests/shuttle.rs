//! Schedules of every scenario, drawn at random by shuttle: it sees the same crate through another lock.

use races::{Explorer, Shuttle, scenarios};

#[test]
fn scenarios_of_three_threads_survive_random_schedules() {
    Shuttle::explore(scenarios::exactly_one_is_the_last::<Shuttle>);
    Shuttle::explore(scenarios::last_member_leaves_while_another_joins::<Shuttle>);
    Shuttle::explore(scenarios::stop_of_two_threads_against_continue::<Shuttle>);
}
