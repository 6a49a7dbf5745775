use crate::{Runner, cases};

/// Calls a macro with the cases of a part, by group.
///
/// - `calls` need nothing but a server;
/// - `server` also needs its handle, to count connections and to shut it down;
/// - `descriptors` is about the process that it runs in, and must be alone in it;
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
            messages {
                every_rate
                audio_of_no_bytes
                every_key
                keys_that_are_none
                every_unknown_kind
                legacy_silence
                errors_that_a_call_survives
                errors_that_end_a_call
                an_error_that_is_a_hangup
                errors_of_other_lengths
                a_hangup_frame
                what_is_counted
            }
            identity {
                a_uuid_in_network_order
                a_first_frame_of_every_other_kind
                a_uuid_of_a_wrong_length
                an_http_request
                a_panic_about_no_call
                a_second_uuid
                a_uuid_too_late
            }
            answers {
                nothing
                bytes_of_every_type
                a_hangup
                no_bytes_of_every_type
                an_answer_too_long
                an_answer_of_many_frames
                sends_that_fail
                a_last_word
                a_greeting
                a_hangup_at_the_start
                a_hangup_on_an_exception
                answers_to_keys
                words_after_the_end
                a_handler_that_blocks
            }
            panics {
                while_audio_is_answered
                after_an_answer
                at_the_start
                at_other_frames
                at_an_exception
                at_a_fatal_exception
                at_the_end
                on_another_call
            }
            admission {
                a_refused_peer
                a_panic_about_a_peer
                a_refused_call
                a_call_after_refused_ones
                a_panic_in_accept
                a_handler_is_let_go_at_the_end
            }
            endings {
                a_close_between_frames
                a_close_inside_a_frame
                a_close_inside_a_longest_frame
                a_close_inside_the_uuid
                a_close_before_any_byte
                a_half_close_before_large_answers
                a_reset_between_frames
                a_reset_inside_a_frame
                a_hangup_and_a_close_at_once
                a_close_that_crosses_a_hangup
                two_hangups_at_once
                everything_after_a_hangup
                a_hangup_arrives_though_much_is_unread
                a_peer_that_does_not_close
            }
            stalls {
                a_peer_that_never_reads
                a_write_that_stalls
                a_hangup_behind_a_stalled_write
                a_peer_that_reads_late
                a_peer_that_never_writes
                a_peer_that_never_pauses
            }
            queue {
                the_bound_is_exact
                a_call_that_caught_up
                a_hangup_needs_no_room
            }
            playout {
                plays_whole_at_every_rate
                pieces_that_join
                a_greeting_that_is_played
                answers_beside_what_is_played
                cleared_from_within
                cleared_by_the_handle
                marks_are_told
                a_hangup_at_a_mark
                a_panic_at_a_mark
                waits_until_it_is_played
                waits_in_vain
                a_hangup_after_playout
                a_hangup_before_it_is_played
                a_close_while_it_plays
                played_from_many_threads
                refused_when_full
                refused_at_the_end
                silence_from_the_uuid_on
                silence_of_the_callers_rate
                an_echo_between_silence
                no_silence_when_switched_off
            }
            handles {
                a_quiet_call_is_hung_up
                a_call_is_hung_up_after_audio
                a_call_hangs_itself_up
                a_call_is_hung_up_twice
                a_call_is_hung_up_after_its_end
                other_calls_go_on
            }
            crowds {
                calls_that_interleave
                frames_that_interleave
                endings_that_interleave
            }
            captures {
                replayed_whole
                replayed_in_pieces
            }
        }
    };
    (server => [$($call:tt)+] $($args:tt)*) => {
        $($call)+ {
            $($args)*
            connections {
                a_thousand_opened_and_dropped
                many_dropped_at_once
                resets_without_a_uuid
            }
            limits {
                more_calls_than_there_may_be
                more_without_a_uuid_than_there_may_be
                more_from_one_address_than_there_may_be
                a_crowd_beyond_what_may_be
                a_call_right_after_the_end_of_another
            }
            shutdown {
                while_idle
                after_calls
                while_a_call_goes_on
                with_calls_that_do_not_end
                with_a_connection_without_uuid
                with_answers_that_wait
                with_a_stuck_peer
                with_a_peer_that_does_not_close
                announced_to_handlers
                ended_by_a_handler
                hurried
                not_delayed
                with_a_handler_that_panics
            }
        }
    };
    (descriptors => [$($call:tt)+] $($args:tt)*) => {
        $($call)+ {
            $($args)*
            descriptors {
                calls_go_on_and_new_ones_wait
            }
        }
    };
    (virtual_time => [$($call:tt)+] $($args:tt)*) => {
        $($call)+ {
            $($args)*
            clock {
                the_defaults
                a_uuid_just_in_time
                the_linger
                the_linger_after_a_half_close
                the_write_timeout
                the_write_timeout_starts_over
                a_write_that_never_begins
                the_idle_timeout
                the_earlier_of_two_deadlines
                deadlines_that_never_come
                the_duration_of_a_call
                the_grace_of_a_shutdown
            }
            pace {
                frames_at_their_times
                a_greeting_at_once
                a_stall_without_a_burst
                cleared_within_a_frame
                marks_at_their_time
                silence_at_its_times
                silence_gives_way
                a_peer_that_stops_reading
                a_mark_behind_a_peer_that_stops_reading
                hung_up_when_it_is_heard
                a_shutdown_while_it_plays
                a_shutdown_that_lets_it_play
            }
            faults {
                a_reset_while_reading
                a_connection_that_is_lost
                a_write_side_that_closes
                a_write_side_that_closes_after_the_other
                a_hangup_that_cannot_be_sent
                an_error_after_the_end
                connections_that_are_abandoned
                a_peer_that_falls_behind_twice
                a_handler_that_lags
                a_shutdown_while_a_handler_blocks
                a_hangup_and_a_shutdown_at_once
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

const PARTS: [&[Case]; 4] = [
    with_cases! { calls => [cases!] },
    with_cases! { server => [cases!] },
    with_cases! { descriptors => [cases!] },
    with_cases! { virtual_time => [cases!] },
];

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

#[cfg(test)]
mod tests {
    use super::PARTS;

    #[test]
    fn the_readme_lists_every_case() {
        let readme = include_str!("../README.md");
        let readme = readme.split_whitespace().collect::<Vec<_>>().join(" ");
        for case in PARTS.into_iter().flatten() {
            let group = readme
                .split("- `")
                .find(|group| group.starts_with(&format!("{}`", case.group)));
            let name = case.name.replace('_', " ");
            assert!(
                group.is_some_and(|group| group.contains(&name)),
                "{}: {name}",
                case.group
            );
        }
    }
}
