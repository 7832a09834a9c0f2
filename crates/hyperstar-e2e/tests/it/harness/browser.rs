//! What a person does and sees.

use anyhow::{Context, Result};
use hyperstar_e2e::{Chrome, Focus, SECOND, wait_until};

use super::open_probe;

#[tokio::test]
async fn a_click_is_seen_in_every_tab() -> Result<()> {
    let (server, chrome, tab) = open_probe().await?;
    let other = chrome.user().await?.tab().await?;
    other.open(&server.url("/")).await?;
    tab.click("#inc").await?;
    tab.wait_for_text("#count", "1").await?;
    other.wait_for_text("#count", "1").await?;
    other.click("#inc").await?;
    tab.wait_for_text("#count", "2").await?;
    assert_eq!(
        tab.eval::<String>("document.querySelector('#inc').dataset.trusted")
            .await?,
        "true"
    );
    assert_eq!(tab.text("h1").await?, "Probe");
    assert_eq!(tab.count("button").await?, 5);
    tab.assert_clean()?;
    other.assert_clean()
}

#[tokio::test]
async fn tabs_share_cookies_and_users_do_not() -> Result<()> {
    let (server, chrome, tab) = open_probe().await?;
    let same = chrome.tab().await?;
    same.open(&server.url("/")).await?;
    let user = chrome.user().await?;
    let other = user.tab().await?;
    other.open(&server.url("/")).await?;
    let other_again = user.tab().await?;
    other_again.open(&server.url("/")).await?;
    assert_eq!(tab.text("#visitor").await?, "1");
    assert_eq!(same.text("#visitor").await?, "1");
    assert_eq!(other.text("#visitor").await?, "2");
    assert_eq!(other_again.text("#visitor").await?, "2");
    let cookies = tab.cookies().await?;
    let cookie = cookies.first().context("no cookie")?;
    assert_eq!(
        (cookie.name.as_str(), cookie.value.as_str()),
        ("visitor", "1")
    );
    assert!(cookie.http_only && !cookie.secure);
    assert_eq!(cookie.same_site.as_deref(), Some("Lax"));
    tab.reload().await?;
    assert_eq!(tab.text("#visitor").await?, "1");
    same.close().await
}

#[tokio::test]
async fn text_is_typed_key_by_key() -> Result<()> {
    let (_server, _chrome, tab) = open_probe().await?;
    tab.type_text("#name", "Zoë 7 ☂").await?;
    let keys: String = tab
        .eval("document.querySelector('#keys').textContent")
        .await?;
    assert_eq!(keys, "Z o ë   7   ☂ ");
    tab.press("ArrowLeft").await?;
    tab.press("Shift+ArrowLeft").await?;
    let focus = tab.focus().await?;
    let expected = Focus {
        tag: "input".to_owned(),
        id: "name".to_owned(),
        value: Some("Zoë 7 ☂".to_owned()),
        selection: Some((5, 6)),
    };
    assert_eq!(focus, expected);
    tab.press("Enter").await?;
    tab.wait_for_text("#said", "Zoë 7 ☂").await?;
    tab.fill("#name", "new\n").await?;
    tab.wait_for_text("#said", "new").await?;
    tab.press("Tab").await?;
    assert_eq!(tab.focus().await?.id, "far");
    Ok(())
}

#[tokio::test]
async fn a_click_waits_until_it_can_be_made() -> Result<()> {
    let (_server, _chrome, tab) = open_probe().await?;
    tab.eval::<()>(
        "{ setTimeout(() => document.querySelector('#late').hidden = false, 100); null }",
    )
    .await?;
    tab.click("#late").await?;
    tab.wait_for_text("#said", "late").await?;
    tab.click("#far").await?;
    tab.wait_for_text("#said", "far").await?;
    tab.click("#ask").await?;
    tab.wait_for_text("#said", "yes").await?;
    assert_eq!(tab.dialogs(), ["Really?"]);
    Ok(())
}

#[tokio::test]
async fn a_failed_wait_says_what_was_there() -> Result<()> {
    let (_server, _chrome, tab) = open_probe().await?;
    tab.eval::<()>("console.error('a hint')").await?;
    let wait = tab
        .wait_for(
            "document.title === 'Else'",
            SECOND / 10,
            "the title changes",
        )
        .await;
    let error = wait.err().context("the wait did not fail")?.to_string();
    for part in [
        "after 100ms, still not: the title changes",
        "condition: document.title === 'Else'",
        "it was: false",
        "count 0, up",
        "console.error: a hint",
    ] {
        assert!(error.contains(part), "`{part}` is not in:\n{error}");
    }
    remove_screenshot(&error)?;

    let wait = tab
        .wait_for("nothing.at.all", SECOND / 10, "it exists")
        .await;
    let error = wait.err().context("the wait did not fail")?.to_string();
    assert!(
        error.contains("ReferenceError: nothing is not defined"),
        "{error}"
    );
    remove_screenshot(&error)
}

/// The screenshot that the error names exists; it is not one of a failed test, so it goes.
fn remove_screenshot(error: &str) -> Result<()> {
    let path = error
        .lines()
        .find_map(|line| line.strip_prefix("  screenshot: "));
    let path = path.with_context(|| format!("no screenshot in:\n{error}"))?;
    assert!(std::fs::read(path)?.starts_with(b"\x89PNG"));
    Ok(std::fs::remove_file(path)?)
}

#[tokio::test]
async fn errors_and_refused_content_are_noticed() -> Result<()> {
    let (server, _chrome, tab) = open_probe().await?;
    tab.assert_clean()?;
    tab.open(&server.url("/broken")).await?;
    let errors = wait_until("three errors", 5 * SECOND, async || {
        let errors = tab.console_errors();
        Ok((errors.len() == 3).then_some(errors))
    });
    let errors = errors.await?.join("\n");
    for part in [
        "missing.js",
        "console.error: said 1 Error: so",
        "uncaught: ReferenceError",
    ] {
        assert!(errors.contains(part), "`{part}` is not in:\n{errors}");
    }
    assert!(tab.assert_clean().is_err());

    tab.forget();
    tab.open(&server.url("/refused")).await?;
    let violations = wait_until("a violation", 5 * SECOND, async || {
        Ok(Some(tab.csp_violations()).filter(|violations| !violations.is_empty()))
    });
    assert_eq!(violations.await?, ["script-src-elem: kInlineViolation"]);
    assert_eq!(tab.eval::<String>("document.title").await?, "Refused");
    assert!(tab.assert_clean().is_err());
    Ok(())
}

#[tokio::test]
async fn a_screenshot_has_its_size_and_colours() -> Result<()> {
    let (_server, _chrome, tab) = open_probe().await?;
    let folder = tempfile::tempdir()?;
    let mut pictures = Vec::new();
    for (name, width, height, dark) in [("a", 390, 700, false), ("b", 390, 700, true)] {
        let path = folder.path().join("shots").join(name).with_extension("png");
        tab.screenshot(&path, width, height, dark).await?;
        let png = std::fs::read(path)?;
        let size = |at: usize| {
            png.get(at..at + 4)
                .map(|bytes| bytes.iter().fold(0, |n, b| n << 8 | u32::from(*b)))
        };
        // The header of a PNG: its signature, then the first chunk with width and height.
        assert_eq!((size(16), size(20)), (Some(width), Some(height)));
        pictures.push(png);
    }
    assert_ne!(pictures[0], pictures[1], "light and dark look the same");
    assert_eq!(tab.eval::<u32>("innerWidth").await?, 1280);
    assert!(
        !tab.eval::<bool>("matchMedia('(prefers-color-scheme: dark)').matches")
            .await?
    );
    Ok(())
}

#[tokio::test]
async fn a_tab_can_be_hidden_and_be_without_scripts() -> Result<()> {
    let (server, chrome, tab) = open_probe().await?;
    let second = chrome.tab().await?;
    second.open(&server.url("/")).await?;
    // A second tab does not hide the first.
    assert_eq!(tab.text("#seen").await?, "visible true");
    tab.hidden(true).await?;
    tab.wait_for_text("#seen", "hidden true").await?;
    assert_eq!(second.text("#seen").await?, "visible true");
    tab.hidden(false).await?;
    tab.wait_for_text("#seen", "visible true").await?;

    second.javascript(false).await?;
    second.reload().await?;
    assert_eq!(second.text("#link").await?, "connecting");
    assert_eq!(second.text("#seen").await?, "");
    Ok(())
}

#[tokio::test]
async fn the_browser_reaches_loopback_only_and_leaves_nothing_behind() -> Result<()> {
    let chrome = Chrome::launch().await?;
    let tab = chrome.tab().await?;
    for url in ["http://example.org/", "http://192.0.2.1/"] {
        let error = tab
            .open(url)
            .await
            .err()
            .with_context(|| format!("{url} opened"))?;
        assert!(error.to_string().contains("net::ERR_"), "{error:#}");
    }
    let pid = chrome.pid().context("Chromium does not run")?;
    let pid = rustix::process::Pid::from_raw(i32::try_from(pid)?).context("process 0")?;
    let runs = || rustix::process::test_kill_process(pid).is_ok();
    assert!(runs());
    drop(chrome);
    assert!(!runs());
    let error = tab
        .eval::<u32>("1")
        .await
        .err()
        .context("a killed browser answered")?;
    assert!(
        format!("{error:#}").contains("Chromium is gone"),
        "{error:#}"
    );
    Ok(())
}
