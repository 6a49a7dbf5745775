use crate::{Runner, cases};

/// Calls a macro with the cases of a part, by group.
///
/// - `calls` need nothing but a server;
/// - `server` also needs its handle, to count connections and to shut it down;
/// - `virtual_time` needs a clock and a network that do as they are told.
#[doc(hidden)]
#[macro_export]
macro_rules! with_cases {
    (calls => [$($call:tt)+] $($args:tt)*) => {
        $($call)+ {
            $($args)*
            framing {
                a_byte_at_a_time
                many_frames_in_one_write
                a_frame_cut_at_every_place
                a_uuid_cut_at_every_place
                audio_of_every_size
                a_longest_frame_in_pieces
            }
        }
    };
}

/// Makes a test of each case of a part, for one [`Runner`]: `conformance!(calls, CORE)`.
#[macro_export]
macro_rules! conformance {
    ($part:ident, $runner:ident) => {
        $crate::with_cases! { $part => [$crate::stamp!] $runner }
    };
}

#[doc(hidden)]
#[macro_export]
macro_rules! stamp {
    ($runner:ident $($group:ident { $($case:ident)* })*) => {
        $($crate::stamp! { @ $runner $group $($case)* })*
    };
    (@ $runner:ident $group:ident $($case:ident)*) => {
        mod $group {
            $(
                #[test]
                fn $case() {
                    $crate::run(&$crate::Runner::$runner, stringify!($group), stringify!($case));
                }
            )*
        }
    };
}

struct Case {
    group: &'static str,
    name: &'static str,
    script: fn(&Runner),
}

macro_rules! cases {
    ($($group:ident { $($case:ident)* })*) => {
        &[$($(Case {
            group: stringify!($group),
            name: stringify!($case),
            script: cases::$group::$case,
        },)*)*]
    };
}

const PARTS: [&[Case]; 1] = [with_cases! { calls => [cases!] }];

/// Runs one case.
///
/// # Panics
///
/// If it fails, or if there is none of this name.
pub fn run(runner: &Runner, group: &str, name: &str) {
    let mut cases = PARTS.into_iter().flatten();
    let case = cases.find(|case| case.group == group && case.name == name);
    (case.unwrap().script)(runner);
}
