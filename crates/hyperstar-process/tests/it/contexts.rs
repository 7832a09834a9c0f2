//! What a handler and a view know, and what they may not do.

use hyperstar_interface::{Audience, Handler, Interface, Mode, Trigger, View};
use hyperstar_process::abi::{Action, Event, Viewer, WsHead, WsKind};
use hyperstar_process::test::Process;
use hyperstar_process::{
    CallError, Cx, Fields, Html, Hyperapp, Level, Origin, Run, Saver, State, StateError,
    TIMEOUT_MS, ViewFn, action,
};

use crate::app::{answer_of, other};
use crate::driver::Driver;

#[derive(Default)]
struct Probe {
    count: u32,
}

impl State for Probe {
    const VERSION: u32 = 1;

    fn load(_: &mut Fields) -> Result<Self, StateError> {
        Ok(Self::default())
    }

    fn save(&self, saver: &mut Saver) {
        saver.field("count", &self.count);
    }

    fn migrate(_: u32, _: &mut Fields) -> Result<(), StateError> {
        Ok(())
    }
}

/// A local of a handler that says when it goes.
struct Guard;

impl Drop for Guard {
    fn drop(&mut self) {
        hyperstar_process::warn!("gone at {}", hyperstar_process::now_ms() % 1_000_000);
    }
}

fn who(cx: &Cx) -> String {
    format!(
        "{:?} {:?} {:?} {}",
        cx.sender().map(ToString::to_string),
        cx.session().map(|session| session.id()),
        cx.viewer().map(|viewer| viewer.tab()),
        cx.path(),
    )
}

impl Hyperapp for Probe {
    const HANDLERS: &'static [Run<Self>] = &[
        Run::Read(|_, call| answer_of(&who(call.cx()))),
        Run::Concurrent(|call| {
            let cx = call.cx().of::<Self>();
            Box::pin(async move { cx.with(|_| cx.with(|app| answer_of(&app.count))) })
        }),
        Run::Concurrent(|call| {
            // The context of the message outlives it here.
            let cx = call.cx().of::<Self>();
            Box::pin(async move {
                let of_message = cx.clone();
                let spawned = cx.spawn(|own| async move {
                    own.sleep(100_000).await;
                    let answer = of_message
                        .call_raw(&other(), "ask", Vec::new(), TIMEOUT_MS)
                        .await;
                    own.with(|app| app.count = answer.map_or(1, |_| 2));
                });
                answer_of(&spawned.is_ok())
            })
        }),
        Run::Read(|_, call| {
            let (a, b): ([u8; 16], [u8; 16]) = (call.cx().random(), call.cx().random());
            hyperstar_process::info!("{} bytes", a.len());
            answer_of(&(a != b))
        }),
        Run::Read(|_, call| {
            call.cx().notify_raw(&other(), "told", b"1".to_vec());
            call.cx().push_raw(7, false, b"hello".to_vec());
            call.cx().erase().exit("enough");
            answer_of(&())
        }),
        Run::Concurrent(|call| {
            let cx = call.cx().of::<Self>();
            Box::pin(async move {
                let asks = (0..3).map(|n| cx.call_raw(&other(), "ask", vec![b'0' + n], TIMEOUT_MS));
                let answers = hyperstar_process::join_all(asks).await;
                let sizes = answers
                    .into_iter()
                    .map(|answer| answer.map_or(0, |body| body.len()));
                answer_of(&sizes.collect::<Vec<_>>())
            })
        }),
        Run::Concurrent(|call| {
            Box::pin(async move {
                let _guard = Guard;
                call.cx().sleep(1_000).await;
                answer_of(&())
            })
        }),
        Run::Concurrent(|call| {
            // The context of the message outlives it here, though nobody waits for the answer.
            let cx = call.cx().of::<Self>();
            Box::pin(async move {
                let of_message = cx.clone();
                let spawned = cx.spawn(|own| async move {
                    own.sleep(7).await;
                    let asked = of_message.call_raw(&other(), "ask", Vec::new(), TIMEOUT_MS);
                    let _ = asked.await;
                });
                cx.sleep(1_000).await;
                answer_of(&spawned.is_ok())
            })
        }),
        Run::Read(|_, call| {
            for _ in 0..300 {
                call.cx().notify_raw(&other(), "told", vec![b'1'; 100]);
            }
            answer_of(&())
        }),
    ];
    const VIEWS: &'static [ViewFn<Self>] = &[|_, call| {
        let cx = call.cx;
        Ok(Html::raw(format!(
            "{} {:?} {:?} {:?} {}",
            cx.param("room"),
            cx.query("sort"),
            cx.session().map(|session| session.id()),
            cx.viewer().map(|viewer| viewer.tab()),
            action("go"),
        )))
    }];

    fn interface() -> Interface {
        let mut interface = Interface::new("Probe");
        for (name, mode) in [
            ("who", Mode::Read),
            ("nested", Mode::Concurrent),
            ("linger", Mode::Concurrent),
            ("dice", Mode::Read),
            ("tell", Mode::Read),
            ("all", Mode::Concurrent),
            ("guarded", Mode::Concurrent),
            ("outlive", Mode::Concurrent),
            ("tell_many", Mode::Read),
        ] {
            let mut handler = Handler::new(name, mode);
            handler.triggers = vec![Trigger::Local, Trigger::Remote];
            if name == "who" {
                handler.triggers.push(Trigger::Ws("/ws".to_owned()));
            }
            interface.handlers.push(handler);
        }
        let mut view = View::new("room", "/rooms/{room}");
        view.audience = Audience::Session;
        interface.views.push(view);
        interface
    }
}

#[test]
fn who_asks_is_what_the_host_says() {
    let mut probe = Process::<Probe>::new();
    let viewer = Viewer {
        session: "s".to_owned(),
        tab: "t".to_owned(),
    };
    let ws = WsHead {
        channel: 1,
        kind: WsKind::Text,
        path: "/ws".to_owned(),
        viewer: Some(viewer),
    };
    let cases = [
        (
            Origin::Remote("n@p:q:r".to_owned()),
            r#"Some("n@p:q:r") None None "#,
        ),
        (Origin::Ws(ws), r#"None Some("s") Some("t") /ws"#),
        (Origin::Owner, "None None None "),
    ];
    for (origin, expected) in cases {
        let sent = probe.send_from(origin, "who", Vec::new());
        assert_eq!(probe.outcome::<String>(sent), Some(Ok(expected.to_owned())));
    }
}

#[test]
fn a_view_knows_as_much_as_it_says() {
    let mut probe = Process::<Probe>::new();
    let page = probe.render("/rooms/a%20b?sort=new+ones").unwrap();
    assert!(
        page.html
            .starts_with(r#"a b Some("new ones") Some("session") None @post('/_hs/a/"#),
        "{}",
        page.html
    );
}

#[test]
#[should_panic(expected = "`Cx::with` was called inside of another `with`")]
fn a_state_cannot_be_had_twice() {
    let mut probe = Process::<Probe>::new();
    let _ = probe.call::<u32>("nested", &());
}

#[test]
fn a_context_that_outlives_its_message_acts_for_the_process() {
    let mut probe = Process::<Probe>::new();
    assert_eq!(probe.call::<bool>("linger", &()), Ok(true));
    // Long after the message's deadline.
    probe.advance_ms(100_000);
    probe.expect_call("other:desk:tests", "ask").reply(&());
    assert_eq!(probe.kept::<u32>("count"), Some(2));
}

#[test]
fn a_context_that_outlives_a_cancelled_message_acts_for_the_process() {
    let mut probe = Driver::<Probe>::new();
    let actions = probe.ask(Origin::Owner, "outlive", b"");
    let timer = actions.iter().find_map(|action| match action {
        Action::SetTimer { id, after_ms: 7 } => Some(*id),
        _ => None,
    });
    probe.turn(Event::Cancel(1));
    let actions = probe.turn(Event::Timer(timer.expect("a timer")));
    assert!(
        matches!(actions.as_slice(), [Action::Call { task: 0, .. }]),
        "{actions:?}"
    );
}

#[test]
fn randomness_and_the_log_are_the_hosts() {
    let mut probe = Process::<Probe>::new();
    assert_eq!(probe.call::<bool>("dice", &()), Ok(true));
    assert_eq!(probe.take_log(), [(Level::Info, "16 bytes".to_owned())]);
}

#[test]
fn telling_and_leaving() {
    let mut probe = Process::<Probe>::new();
    assert_eq!(probe.call::<()>("tell", &()), Ok(()));
    let to = "other:desk:tests".to_owned();
    assert_eq!(
        probe.take_notices(),
        [(to, "told".to_owned(), b"1".to_vec())]
    );
    assert_eq!(probe.take_frames(), [(7, false, b"hello".to_vec())]);
    assert_eq!(probe.exit(), Some("enough"));
}

#[test]
fn no_more_is_told_than_there_is_room_for() {
    let check = |room: Option<Event>, told: usize| {
        let mut probe = Driver::<Probe>::new();
        let events = room
            .into_iter()
            .chain([probe.message(Origin::Owner, "tell_many", b"")]);
        let actions = probe.turns(events.collect());
        let is_notice = |action: &&Action| matches!(action, Action::Notify { .. });
        assert_eq!(actions.iter().filter(is_notice).count(), told);
        // The next turn is told anew.
        let actions = probe.ask(Origin::Owner, "tell", b"");
        assert_eq!(actions.iter().filter(is_notice).count(), 1);
    };
    check(None, 256);
    let room = |notices, bytes| Some(Event::Room { notices, bytes });
    check(room(3, 10_000), 3);
    check(room(10, 1_000), 4);
    check(room(0, 0), 0);
    let mut probe = Process::<Probe>::new();
    assert_eq!(probe.call::<()>("tell_many", &()), Ok(()));
    let text = "`told` of other:desk:tests was not told: too much is on its way; tell fewer at once, or call";
    assert_eq!(probe.take_log()[0], (Level::Error, text.to_owned()));
}

#[test]
fn many_calls_are_joined_in_order() {
    let mut probe = Process::<Probe>::new();
    let sent = probe.send("all", &());
    for _ in 0..3 {
        let call = probe.expect_call("other:desk:tests", "ask");
        match call.arguments::<u8>() {
            1 => call.fail(CallError::Busy),
            n => call.reply(&"x".repeat(n.into())),
        }
    }
    assert_eq!(probe.outcome::<Vec<usize>>(sent), Some(Ok(vec![2, 0, 4])));
}

#[test]
fn what_a_task_holds_goes_with_it() {
    let mut probe = Process::<Probe>::new();
    let gone = |at_ms: u64| vec![(Level::Warn, format!("gone at {at_ms}"))];
    let cancelled = probe.send("guarded", &());
    probe.cancel(cancelled);
    assert_eq!(probe.take_log(), gone(0));
    let ended = probe.send("guarded", &());
    probe.advance_ms(1_000);
    assert_eq!(probe.take_log(), gone(1_000));
    assert_eq!(probe.outcome::<()>(ended), Some(Ok(())));
    let killed = probe.send("guarded", &());
    probe.restart();
    assert_eq!(probe.take_log(), gone(1_000));
    assert_eq!(probe.outcome::<()>(killed), Some(Err(CallError::Crashed)));
}

/// An app whose `#[init]` asks somebody first.
#[derive(Default)]
struct Late {
    greeting: String,
}

impl State for Late {
    const VERSION: u32 = 1;

    fn load(fields: &mut Fields) -> Result<Self, StateError> {
        let greeting = fields.get("greeting")?.unwrap_or_default();
        Ok(Self { greeting })
    }

    fn save(&self, saver: &mut Saver) {
        saver.field("greeting", &self.greeting);
    }

    fn migrate(_: u32, _: &mut Fields) -> Result<(), StateError> {
        Ok(())
    }
}

impl Hyperapp for Late {
    const HANDLERS: &'static [Run<Self>] = &[
        Run::Exclusive(|mut app, call| {
            Box::pin(async move {
                let asked = call
                    .cx()
                    .call_raw(&other(), "greet", b"1".to_vec(), TIMEOUT_MS);
                let outcome = match asked.await {
                    Ok(greeting) => {
                        app.greeting = String::from_utf8_lossy(&greeting).into_owned();
                        answer_of(&())
                    }
                    Err(error) => Err(error),
                };
                (app, outcome)
            })
        }),
        Run::Read(|app, _| answer_of(&app.greeting)),
    ];
    const VIEWS: &'static [ViewFn<Self>] = &[];

    fn interface() -> Interface {
        let mut interface = Interface::new("Late");
        for (name, mode, trigger) in [
            ("open", Mode::Exclusive, Trigger::Init),
            ("greeting", Mode::Read, Trigger::Local),
        ] {
            let mut handler = Handler::new(name, mode);
            handler.triggers = vec![trigger];
            interface.handlers.push(handler);
        }
        interface
    }
}

#[test]
fn messages_wait_for_an_init_that_waits() {
    let mut late = Process::<Late>::new();
    let sent = late.send("greeting", &());
    assert_eq!(late.outcome::<String>(sent), None);
    late.expect_call("other:desk:tests", "greet").reply(&7);
    assert_eq!(late.outcome::<String>(sent), Some(Ok("7".to_owned())));
}

#[test]
fn an_init_that_fails_later_ends_the_process() {
    let mut late = Process::<Late>::new();
    late.expect_call("other:desk:tests", "greet")
        .fail(CallError::Busy);
    let reason = "`#[init]` failed: its mailbox is full; ask again later";
    assert_eq!(late.exit(), Some(reason));
}
