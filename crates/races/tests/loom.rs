//! Every schedule of every scenario, by loom.

use races::{Explorer, Loom, scenarios};

macro_rules! every_schedule_of {
    ($($scenario:ident)*) => {
        $(
            #[test]
            fn $scenario() {
                Loom::explore(scenarios::$scenario::<Loom>);
            }
        )*
    };
}

every_schedule_of! {
    race_01_same_group_twice
    race_02_setsid_against_setpgid
    race_03_fork_under_an_exiting_parent
    race_04_orphan_handed_to_a_dead_subreaper
    race_05_living_subreaper_skipped
    race_06_reap_against_re_parenting
    race_07_double_reap_by_two_waiters
    race_08_late_second_reap
    race_09_reap_against_setpgid
    race_10_zombie_visible_before_its_children_moved
    race_11_in_no_group_while_moving
    race_13_a_destructor_under_the_lock
    race_14_exit_code
    race_15_leave_and_come_back
    setpgid_against_setpgid
    setsid_against_setsid
    last_member_leaves_while_another_joins
    fork_against_exit_of_the_parent
    exit_of_the_parent_against_exit_of_the_reaper
    opposite_re_parentings
    duplicate_number
    wait_against_exit
    exit_group_against_exit_group
    exactly_one_is_the_last
    a_thread_joins_while_the_process_ends
    exec_against_exec
    exec_against_group_exit
    a_thread_joins_while_another_execs
    no_fork_escapes_a_signal_to_the_group
    stop_against_continue
    stop_of_two_threads_against_continue
}
