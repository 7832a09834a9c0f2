//! What has happened in the runs, so that a simulator that does little is noticed.

macro_rules! deeds {
    ($($name:ident),*) => {
        /// How often what happened.
        #[derive(Debug, Default, PartialEq)]
        pub(super) struct Deeds { $(pub(super) $name: u64),* }

        impl Deeds {
            pub(super) fn add(&mut self, other: &Deeds) {
                $(self.$name += other.$name;)*
            }

            pub(super) fn check_all_happened(&self) {
                $(assert!(self.$name > 0, "no run has {}", stringify!($name));)*
            }
        }
    };
}

deeds!(
    steps,
    noted,
    deaths,
    turns,
    stood,
    batches,
    commits,
    failed_commits,
    lost_acknowledgements,
    crashes,
    give_ups,
    exits,
    stops,
    answers,
    repeats,
    timeouts,
    busy,
    cycles,
    too_deep,
    lost,
    removals,
    leaves,
    forgotten_later,
    denied,
    crashed,
    stopped,
    nobody,
    deferred,
    returned,
    told,
    notified,
    cancelled,
    settled,
    rests,
    long_waits
);
