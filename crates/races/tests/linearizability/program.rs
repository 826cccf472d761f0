//! Programs of several threads, drawn at random.

use axprocess::ForkParent;

/// What one thread does in one step. Numbers are those of the table's own namespace.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Op {
    Fork(ForkParent),
    /// The child that this thread has made last exits.
    ChildExits(i32),
    Spawn,
    /// The thread that this thread has made last exits.
    FellowExits(i32),
    /// The thread itself exits; it does nothing afterwards.
    Exit(i32),
    BeginGroupExit(i32),
    Exec,
    Wait {
        pid: i32,
        options: i32,
    },
    Setpgid {
        pid: i32,
        pgid: i32,
    },
    Setsid,
    Kill {
        pid: i32,
        signal: i32,
    },
    BecomeSubreaper,
    ResignSubreaper,
    SetParentDeathSignal,
    Getpgid(i32),
    Getsid(i32),
    Children,
}

/// Where a thread of a program comes from: one of those before it forks it, or makes it as a thread of its process.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Origin {
    ChildOf(usize),
    FellowOf(usize),
}

/// What is done before the threads are let loose, and what each of them does then. Thread 0 is init's.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(crate) struct Program {
    pub(crate) origins: Vec<Origin>,
    pub(crate) scene: Vec<(usize, Op)>,
    pub(crate) parts: Vec<Vec<Op>>,
}

/// A small random generator (xorshift).
pub(crate) struct Random(u64);

impl Random {
    pub(crate) const fn new(seed: u64) -> Self {
        // Zero would stay zero.
        Self(seed.wrapping_mul(0x9e37_79b9_7f4a_7c15) | 1)
    }

    fn below(&mut self, limit: usize) -> usize {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        (self.0 >> 11) as usize % limit
    }

    fn pick<T: Copy>(&mut self, from: &[T]) -> T {
        from[self.below(from.len())]
    }
}

impl Program {
    /// Four to six threads with ten to twenty steps between them.
    pub(crate) fn draw(random: &mut Random) -> Self {
        let threads = 4 + random.below(3);
        let origins: Vec<_> = (1..threads)
            .map(|thread| match random.below(4) {
                // Init's own threads would end with it, and it must not end.
                0 if thread > 1 => Origin::FellowOf(1 + random.below(thread - 1)),
                _ => Origin::ChildOf(random.below(thread)),
            })
            .collect();
        let scene = (0..random.below(5)).map(|_| {
            let ops = [Op::Setsid, Op::BecomeSubreaper, Op::SetParentDeathSignal];
            let lead = Op::Setpgid { pid: 0, pgid: 0 };
            (random.below(threads), if random.below(2) == 0 { lead } else { random.pick(&ops) })
        });
        let scene = scene.collect();
        let mut parts = vec![Vec::new(); threads];
        for _ in 0..10 + random.below(11) {
            let thread = random.below(threads);
            let op = draw_op(random);
            let is_init = thread == 0;
            // Others of the process may not have gone when they make their next step: exec is for those that are alone.
            let is_alone = !origins.contains(&Origin::FellowOf(thread))
                && !matches!(origins.get(thread.wrapping_sub(1)), None | Some(Origin::FellowOf(_)))
                && !parts[thread].contains(&Op::Spawn);
            let part: &mut Vec<Op> = &mut parts[thread];
            let has_left = matches!(part.last(), Some(Op::Exit(_)));
            let is_possible = match op {
                Op::Exit(_) | Op::BeginGroupExit(_) => !is_init,
                Op::Exec => is_alone,
                Op::Spawn => !part.contains(&Op::Exec),
                _ => true,
            };
            if is_possible && !has_left {
                part.push(op);
            }
        }
        Self { origins, scene, parts }
    }
}

fn draw_op(random: &mut Random) -> Op {
    let number = |random: &mut Random| random.pick(&[0, 0, 1, 2, 3, 4, 5, 6, 7, 8, 9]);
    let code = random.below(4) as i32;
    match random.below(32) {
        0..4 => Op::Fork(ForkParent::Caller),
        4 => Op::Fork(ForkParent::Sibling),
        5..8 => Op::ChildExits(code),
        8 => Op::Spawn,
        9 => Op::FellowExits(code),
        10..13 => Op::Exit(code),
        13 => Op::BeginGroupExit(code),
        14 => Op::Exec,
        15..20 => {
            let pid = random.pick(&[-1, -1, -1, 0, 2, 3, 4, 5, 6, -2, -3, -4]);
            Op::Wait { pid, options: random.pick(&[1, 0x4000_0001]) }
        }
        20..24 => Op::Setpgid { pid: number(random), pgid: number(random) },
        24..26 => Op::Setsid,
        26..28 => {
            let pid = random.pick(&[-1, 0, -2, -3, -4, -5, 2, 3, 4, 5, 6]);
            Op::Kill { pid, signal: random.pick(&[0, 9, 10, 10, 15, 18]) }
        }
        28 => random.pick(&[Op::BecomeSubreaper, Op::BecomeSubreaper, Op::ResignSubreaper]),
        29 => Op::SetParentDeathSignal,
        30 => random.pick(&[Op::Getpgid(0), Op::Getpgid(3), Op::Getsid(4), Op::Getsid(0)]),
        _ => Op::Children,
    }
}
