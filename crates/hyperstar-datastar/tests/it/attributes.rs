//! Attribute names with keys and modifiers.

use hyperstar_datastar::attr::{self, Attr, Case, Debounce, Throttle};
use hyperstar_datastar::{SignalFilter, get, on};

#[test]
fn names() {
    let cases: Vec<(Attr, &str)> = vec![
        (on("click"), "data-on:click"),
        (
            on("click").debounce_ms(500).window(),
            "data-on:click__debounce.500ms__window",
        ),
        (
            on("x").debounce(Debounce {
                wait_ms: 5,
                leading: true,
                trailing: false,
            }),
            "data-on:x__debounce.5ms.leading.notrailing",
        ),
        (
            on("x").throttle(Throttle {
                wait_ms: 5,
                leading: false,
                trailing: true,
            }),
            "data-on:x__throttle.5ms.noleading.trailing",
        ),
        (on("x").throttle_ms(1), "data-on:x__throttle.1ms"),
        (
            on("x").delay_ms(2).delay_ms(3).once(),
            "data-on:x__delay.3ms__once",
        ),
        (
            on("x")
                .passive()
                .capture()
                .prevent()
                .stop()
                .document()
                .outside()
                .view_transition(),
            "data-on:x__passive__capture__prevent__stop__document__outside__viewtransition",
        ),
        (on("myEvent"), "data-on:my-event__case.camel"),
        (on("MyEvent"), "data-on:my-event__case.pascal"),
        (on("my-event"), "data-on:my-event"),
        (on("my:event.x"), "data-on:my:event.x"),
        (on("x").case(Case::Snake), "data-on:x__case.snake"),
        (
            attr::on_intersect().half().exit(),
            "data-on-intersect__half__exit",
        ),
        (
            attr::on_intersect().full().once(),
            "data-on-intersect__full__once",
        ),
        (
            attr::on_intersect().threshold_percent(255),
            "data-on-intersect__threshold.100",
        ),
        (
            attr::on_interval().duration_ms(250),
            "data-on-interval__duration.250ms",
        ),
        (
            attr::on_interval().duration_leading_ms(5),
            "data-on-interval__duration.5ms.leading",
        ),
        (attr::on_signal_patch(), "data-on-signal-patch"),
        (
            attr::on_signal_patch_filter(),
            "data-on-signal-patch-filter",
        ),
        (attr::init().delay_ms(1), "data-init__delay.1ms"),
        (attr::effect(), "data-effect"),
        (attr::signals().if_missing(), "data-signals__ifmissing"),
        (
            attr::signals_for("user.firstName"),
            "data-signals:user.first-name",
        ),
        (attr::computed("total"), "data-computed:total"),
        (attr::bind("name"), "data-bind:name"),
        (attr::bind("snake_case"), "data-bind:snake_case"),
        (attr::bind("first-name"), "data-bind:first-name__case.kebab"),
        (attr::bind("FirstName"), "data-bind:first-name__case.pascal"),
        (attr::bind("innerHTML"), "data-bind:inner-h-t-m-l"),
        (attr::bind("a1B2"), "data-bind:a1-b2"),
        (attr::bind("_local"), "data-bind:_local"),
        (
            attr::bind("x").prop("innerHTML").event(["input", "change"]),
            "data-bind:x__prop.inner-h-t-m-l__event.input.change",
        ),
        (attr::indicator("busy"), "data-indicator:busy"),
        (attr::reference("el"), "data-ref:el"),
        (attr::text(), "data-text"),
        (attr::show(), "data-show"),
        (attr::classes(), "data-class"),
        (attr::class("hover:bg-red"), "data-class:hover:bg-red"),
        (attr::class("isOpen"), "data-class:is-open__case.camel"),
        (attr::styles(), "data-style"),
        (attr::style("--my-x"), "data-style:--my-x"),
        (attr::attrs(), "data-attr"),
        (attr::attr("aria-label"), "data-attr:aria-label"),
        (attr::json_signals().terse(), "data-json-signals__terse"),
        (attr::ignore().self_only(), "data-ignore__self"),
        (attr::ignore_morph(), "data-ignore-morph"),
        (attr::preserve_attr(), "data-preserve-attr"),
        (attr::scope_children(), "data-scope-children"),
        (attr::nonce(), "data-nonce"),
    ];
    for (attr, expected) in cases {
        assert_eq!(attr.to_string(), expected);
        assert!(attr.checked().is_ok(), "{expected}");
    }
}

#[test]
fn names_that_cannot_be_keys() {
    for (attr, name) in [
        (on("a b"), "data-on:ab"),
        (on("a\"><script>"), "data-on:ascript"),
        (on("a=b/c'"), "data-on:abc"),
        (on(""), "data-on"),
        (on("\n"), "data-on"),
        (attr::bind("a__b"), "data-bind:a_b"),
        (attr::bind("a_____").once(), "data-bind:a__once"),
        (attr::bind("first-nameX"), "data-bind:first-name-x"),
        (attr::attr("viewBox"), "data-attr:view-box"),
        (attr::bind("x").prop("a b"), "data-bind:x__prop.ab"),
        (attr::bind("x").event(["a.b"]), "data-bind:x__event.a.b"),
    ] {
        assert_eq!(attr.to_string(), name);
        assert!(attr.checked().is_err(), "{name}");
    }
    assert_eq!(
        on("a b").checked().unwrap_err().to_string(),
        "`a b` cannot be part of the name of an attribute such as `data-on`; write it into the \
         attribute's value, or choose a name without spaces, quotes and `__`"
    );
}

#[test]
fn whole_attributes() {
    assert_eq!(
        on("input")
            .debounce_ms(300)
            .value(get("/a?b&c").when("$q != \"\"")),
        "data-on:input__debounce.300ms=\"($q != &quot;&quot;) &amp;&amp; @get('/a?b&amp;c')\""
    );
    assert_eq!(
        attr::on_signal_patch_filter().value(SignalFilter::all().exclude("^_")),
        "data-on-signal-patch-filter=\"{exclude: '^_'}\""
    );
}
