//! What a program of its own plays while its instructions are counted.

use std::cell::RefCell;
use std::hint::black_box;
use std::rc::Rc;

use crate::measure::steps::{TRACED, mark};
use crate::signals;
use crate::subject::{
    KernelApi, Numbers, OlderApi, ROUND, Starry02, Starry04, Subject, Which, live, live_with_thread,
};

/// How often a scene does its act.
pub(crate) const RUNS: usize = 128;

/// What is counted.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Act {
    /// Fork, exit and reap.
    Life,
    /// The same, among a thousand siblings in the same group.
    LifeAmongMany,
    /// The same, among a million.
    LifeAmongAMillion,
    /// The same as the first, with a thread.
    LifeWithThread,
    /// getppid, getpgid and getsid, once each.
    Getters,
    /// Into another group, and back.
    Move,
    /// The look-up of a number.
    Lookup,
    /// A wait for any among a hundred zombies.
    Wait,
    /// One of a hundred children of an exiting process.
    Orphan,
}

impl Act {
    const ALL: [(Self, &'static str); 9] = [
        (Self::Life, "life"),
        (Self::LifeAmongMany, "life-among-many"),
        (Self::LifeAmongAMillion, "life-among-a-million"),
        (Self::LifeWithThread, "life-with-thread"),
        (Self::Getters, "getters"),
        (Self::Move, "move"),
        (Self::Lookup, "lookup"),
        (Self::Wait, "wait"),
        (Self::Orphan, "orphan"),
    ];

    pub(crate) fn word(self) -> &'static str {
        Self::ALL.iter().find(|(act, _)| *act == self).map_or("", |(_, word)| word)
    }
}

/// The kernel's calls again, with each process from the allocator.
const ALLOCATING: &str = "allocating";

/// The name of a scene.
pub(crate) fn name(which: Which, act: Act) -> String {
    format!("{}/{}", which.word(), act.word())
}

/// Plays the scene that this program was started for, and ends it; returns if it was started for none.
///
/// A program that plays scenes calls it first.
pub(crate) fn play_if_asked() {
    let Ok(name) = std::env::var(TRACED) else {
        return;
    };
    let Some(mut scene) = find(&name) else {
        eprintln!("no such scene: {name}");
        std::process::exit(2);
    };
    scene.warm_up();
    (scene.prepare)();
    mark();
    (scene.act)();
    mark();
    // The follower ends the program at the second mark.
    std::process::exit(0);
}

/// The name of the scene in which a kernel's processes come from the allocator, and go back to it.
pub(crate) fn allocating(act: Act) -> String {
    format!("{ALLOCATING}/{}", act.word())
}

/// What is played: a call of `act` is [`RUNS`] acts, and wants one of `prepare` before.
pub(crate) struct Scene {
    pub(crate) prepare: Box<dyn FnMut()>,
    pub(crate) act: Box<dyn FnMut()>,
}

impl Scene {
    pub(crate) fn new(prepare: impl FnMut() + 'static, act: impl FnMut() + 'static) -> Self {
        Self { prepare: Box::new(prepare), act: Box::new(act) }
    }

    /// Plays until memory that is used again is there.
    pub(crate) fn warm_up(&mut self) {
        for _ in 0..2 {
            (self.prepare)();
            (self.act)();
        }
    }
}

/// The scene of that name.
pub(crate) fn find(name: &str) -> Option<Scene> {
    let (subject, act) = name.split_once('/')?;
    if let Some(scene) = signals::find(subject, act) {
        return Some(scene);
    }
    let (act, _) = Act::ALL.into_iter().find(|(_, word)| *word == act)?;
    if subject == ALLOCATING {
        return Some(set::<KernelApi<false>>(act));
    }
    Some(match Which::from_word(subject)? {
        Which::Kernel => set::<KernelApi>(act),
        Which::Older => set::<OlderApi>(act),
        Which::Starry04 => set::<Starry04>(act),
        Which::Starry02 => set::<Starry02>(act),
    })
}

fn set<S: Subject>(act: Act) -> Scene {
    let siblings = match act {
        Act::LifeAmongMany | Act::Lookup => 1_000,
        Act::LifeAmongAMillion => 1_000_000,
        _ => 1,
    };
    let mut fixed = Numbers::reserve(siblings + 2);
    let (world, parent) = S::found(fixed.take());
    let members: Vec<S::Process> = (0..siblings).map(|_| S::fork(&parent, fixed.take())).collect();
    members.iter().for_each(|member| S::enlist(&world, member));
    let leader = S::fork(&parent, fixed.take());
    let other = S::lead_group(&leader);
    let mut numbers = Numbers::reserve(ROUND);
    let mut more_numbers = Numbers::reserve(ROUND);
    match act {
        Act::Life | Act::LifeAmongMany | Act::LifeAmongAMillion => Scene::new(ready, move || {
            let _kept = (&world, &members, &leader);
            (0..RUNS).for_each(|_| live::<S>(&parent, numbers.take()));
        }),
        Act::LifeWithThread => Scene::new(ready, move || {
            let _kept = (&world, &members, &leader);
            (0..RUNS).for_each(|_| live_with_thread::<S>(&parent, numbers.take()));
        }),
        Act::Getters => Scene::new(ready, move || {
            let _kept = (&world, &parent, &leader);
            for _ in 0..RUNS {
                let asked = black_box(&members[0]);
                black_box((S::getppid(asked), S::getpgid(asked), S::getsid(asked)));
            }
        }),
        Act::Move => {
            let own = S::group(&parent);
            Scene::new(ready, move || {
                let _kept = (&world, &parent, &leader);
                for _ in 0..RUNS {
                    S::move_to(&members[0], &other);
                    S::move_to(&members[0], &own);
                }
            })
        }
        Act::Lookup => Scene::new(ready, move || {
            let _kept = (&parent, &leader);
            for member in members.iter().step_by(7).take(RUNS) {
                assert!(S::finds(&world, S::number(member)), "it lives");
            }
        }),
        Act::Wait => {
            let waiter = parent.clone();
            let lose = move || {
                let _kept = (&world, &members, &leader);
                (0..RUNS).for_each(|_| S::exit(&S::fork(&parent, numbers.take())));
            };
            Scene::new(lose, move || {
                (0..RUNS).for_each(|_| assert!(S::wait_any(&waiter), "a zombie is there"));
            })
        }
        Act::Orphan => {
            let doomed = Rc::new(RefCell::new(Vec::new()));
            let cast = Rc::clone(&doomed);
            let bear = move || {
                let _kept = (&world, &members, &leader);
                let middle = S::fork(&parent, numbers.take());
                let mut cast = cast.borrow_mut();
                cast.extend((0..RUNS).map(|_| S::fork(&middle, more_numbers.take())));
                cast.push(middle);
            };
            Scene::new(bear, move || S::exit(doomed.borrow().last().expect("it was prepared")))
        }
    }
}

/// For acts that need nothing.
pub(crate) fn ready() {}

#[cfg(test)]
mod tests {
    use super::*;

    /// Every scene of every subject can be played, again and again.
    #[test]
    fn every_scene_plays() {
        // A million would take a minute, of the peers' too.
        for (act, _) in Act::ALL.into_iter().filter(|(act, _)| *act != Act::LifeAmongAMillion) {
            for which in Which::ALL {
                find(&name(which, act)).expect("a scene").warm_up();
            }
        }
    }
}
