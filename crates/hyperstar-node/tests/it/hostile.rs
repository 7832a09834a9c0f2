//! Guests that break the rules of the border itself.

use hyperstar_node::{Crash, Limits, LoadError, LoadOptions};

use crate::handmade::Handmade;
use crate::kit::{self, engine, probe, start, start_within};

/// One turn of a process, and that another is not touched by it.
async fn crash_of(handmade: Handmade<'_>) -> Crash {
    let mut neighbour = start(&probe().await).await;
    let limits = Limits {
        turn_ms_max: 20,
        turn_bytes_max: 1 << 20,
        ..Limits::default()
    };
    let program = kit::load(engine(), &handmade.component()).await;
    let mut process = start_within(&program, limits).await;
    let crash = process.send("anything", "body").await.unwrap_err();
    assert_eq!(neighbour.ask("count", "").await, "1");
    crash
}

#[tokio::test]
async fn a_handmade_process_that_is_good_works() {
    let program = kit::load(engine(), &Handmade::default().component()).await;
    let mut process = start(&program).await;
    let turn = process.send("anything", "body").await.unwrap();
    assert!(turn.actions.is_empty());
}

#[tokio::test]
async fn what_a_turn_answers_is_not_believed() {
    // A turn's record: the place and number of actions, of changes, two flags.
    let cases = [
        (
            "a record outside of the memory",
            "(i32.const 0x7fffff00)",
            "cannot be read",
        ),
        (
            "a record that is not aligned",
            "(i32.const 65)",
            "cannot be read",
        ),
        (
            "actions outside of the memory",
            "(i32.store (i32.const 64) (i32.const 60000))
             (i32.store (i32.const 68) (i32.const 0x0fffffff))
             (i32.const 64)",
            "cannot be read",
        ),
        (
            "an action that there is not",
            "(i32.store (i32.const 64) (i32.const 4096))
             (i32.store (i32.const 68) (i32.const 1))
             (i32.store8 (i32.const 4096) (i32.const 200))
             (i32.const 64)",
            "cannot be read",
        ),
        (
            "text that is none",
            "(i32.store (i32.const 72) (i32.const 4096))
             (i32.store (i32.const 76) (i32.const 1))
             (i32.store (i32.const 4096) (i32.const 4200))
             (i32.store (i32.const 4100) (i32.const 1))
             (i32.store8 (i32.const 4200) (i32.const 0xff))
             (i32.const 64)",
            "cannot be read",
        ),
        (
            // 3,000 changes whose paths are the same 28,784 bytes: 86 MB out of 64 KiB. The length
            // reads as `pp`, so that all of it is text.
            "the same bytes again and again",
            "(local $at i32)
             (i32.store (i32.const 72) (i32.const 4096))
             (i32.store (i32.const 76) (i32.const 3000))
             (local.set $at (i32.const 4096))
             (loop $more
                (i32.store (local.get $at) (i32.const 2048))
                (i32.store offset=4 (local.get $at) (i32.const 0x7070))
                (local.set $at (i32.add (local.get $at) (i32.const 20)))
                (br_if $more (i32.lt_u (local.get $at) (i32.const 60000))))
             (i32.const 64)",
            "too much data",
        ),
    ];
    for (name, turn, expected) in cases {
        let crash = crash_of(Handmade {
            turn,
            ..Handmade::default()
        });
        let crash = crash.await;
        let Crash::Protocol(text) = crash else {
            panic!("{name}: {crash:?}");
        };
        assert!(text.contains(expected), "{name}: {text}");
    }
}

#[tokio::test]
async fn a_trap_says_where_it_was() {
    let crash = crash_of(Handmade {
        items: "(func $divide (param i32) (result i32) (i32.div_u (i32.const 1) (local.get 0)))",
        turn: "(drop (call $divide (i32.const 0))) (i32.const 64)",
        ..Handmade::default()
    });
    assert_eq!(
        crash.await,
        Crash::Trap {
            message: "wasm trap: integer divide by zero".into(),
            backtrace: "divide\nturn\n".into(),
        }
    );
}

#[tokio::test]
async fn endless_calls_overflow_the_stack() {
    let crash = crash_of(Handmade {
        turn: "(call $turn (local.get 0) (local.get 1))",
        ..Handmade::default()
    });
    assert_eq!(crash.await, Crash::StackOverflow);
}

#[tokio::test]
async fn a_table_that_grows_and_grows_is_stopped() {
    let crash = crash_of(Handmade {
        items: "(table $many 1 funcref)",
        turn: "(loop $more
                (drop (table.grow $many (ref.null func) (i32.const 1000)))
                (br $more))
             (i32.const 64)",
        ..Handmade::default()
    });
    let crash = crash.await;
    let Crash::Protocol(text) = crash else {
        panic!("{crash:?}");
    };
    assert!(text.contains("20000 table elements"), "{text}");
}

#[tokio::test]
async fn memory_that_grows_and_grows_is_stopped() {
    let crash = crash_of(Handmade {
        turn: "(loop $more (drop (memory.grow (i32.const 10))) (br $more)) (i32.const 64)",
        ..Handmade::default()
    });
    let bytes_max = Limits::default().memory_bytes_max;
    assert_eq!(crash.await, Crash::OutOfMemory { bytes_max });
}

#[tokio::test]
async fn taking_the_message_is_part_of_the_turn() {
    let spins = crash_of(Handmade {
        realloc: "(if (local.get 3) (then (loop $more (br $more)))) (i32.const 8192)",
        ..Handmade::default()
    });
    assert_eq!(spins.await, Crash::OutOfTime { ms: 20 });
    let nowhere = crash_of(Handmade {
        realloc: "(select (i32.const 0x7fffff00) (i32.const 8192) (local.get 3))",
        ..Handmade::default()
    });
    assert!(matches!(nowhere.await, Crash::Protocol(_)));
}

/// What a component can do wrong before it is a process.
#[tokio::test]
async fn a_description_has_limits_too() {
    let cases = [
        (
            "it spins",
            Handmade {
                describe: "(loop $more (br $more)) (i32.const 32)",
                ..Handmade::default()
            },
            "it computed for more than 20 ms",
        ),
        (
            "it spins before it is asked",
            Handmade {
                items: "(func $start (loop $more (br $more))) (start $start)",
                ..Handmade::default()
            },
            "it computed for more than 20 ms",
        ),
        (
            "it begins with too much memory",
            Handmade {
                memory: "2000",
                ..Handmade::default()
            },
            "it asked for more than 67108864 bytes of memory",
        ),
        (
            "it begins with too many table elements",
            Handmade {
                items: "(table 30000 funcref)",
                ..Handmade::default()
            },
            "it asked for more than 20000 table elements",
        ),
        (
            "it describes nothing",
            Handmade {
                describe: "(i32.const 64)",
                ..Handmade::default()
            },
            "EOF while parsing",
        ),
        (
            "it fails",
            Handmade {
                describe: "unreachable",
                ..Handmade::default()
            },
            "`unreachable` instruction executed",
        ),
    ];
    for (name, handmade, expected) in cases {
        let bytes = handmade.component();
        let options = LoadOptions {
            limits: Limits {
                init_ms_max: 20,
                ..Limits::default()
            },
            ..LoadOptions::default()
        };
        let loaded = engine().load(&bytes, options).await;
        let Err(LoadError::Describe(text)) = loaded else {
            panic!("{name}: it is loaded");
        };
        assert!(text.contains(expected), "{name}: {text}");
    }
}
