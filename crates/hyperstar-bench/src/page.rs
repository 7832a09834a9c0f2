//! The pages that every server under test shows: one number in them changes, or that and a few squares.

use std::fmt::Write;

use clap::ValueEnum;

/// The number before the first change. All that follow have as many digits.
pub(crate) const FIRST: u64 = 10_000;

const LIST_ITEMS: u64 = 157;
/// A multiple of [`SQUARES_PER_CHANGE`].
const BOARD_SQUARES: u64 = 996;
const SQUARES_PER_CHANGE: u64 = 6;

/// Which page is shown.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum Page {
    /// A number and a button: the smallest page that does something.
    Counter,
    /// A dashboard of 12 KB: navigation, four figures, a table of 40 rows.
    Dashboard,
    /// A list of 20 KB under a number.
    List,
    /// A board of 50 KB of which the number and six squares change.
    Board,
}

impl Page {
    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Counter => "counter",
            Self::Dashboard => "dashboard",
            Self::List => "list",
            Self::Board => "board",
        }
    }

    /// The page's content; `press` is the expression of its button, as each framework writes it.
    pub(crate) fn html(self, number: u64, press: &str) -> String {
        match self {
            Self::Counter => {
                format!("<h1>{number}</h1><button data-on:click=\"{press}\">+1</button>")
            }
            Self::Dashboard => dashboard(number, press),
            Self::List => list(number, press),
            Self::Board => board(number, press),
        }
    }

    /// How a rendered page tells which number it shows.
    pub(crate) fn marker(number: u64) -> String {
        format!(">{number}<")
    }
}

fn dashboard(number: u64, press: &str) -> String {
    let mut html = String::with_capacity(13 * 1_024);
    html.push_str("<header class=\"top\"><nav aria-label=\"Main\"><ul>");
    for name in [
        "Overview",
        "Orders",
        "Customers",
        "Stock",
        "Suppliers",
        "Reports",
        "Settings",
    ] {
        let _ = write!(
            html,
            "<li><a class=\"nav-link\" href=\"/{}\">{name}</a></li>",
            name.to_lowercase()
        );
    }
    html.push_str("</ul></nav></header><section class=\"figures\">");
    let _ = write!(
        html,
        "<div class=\"figure\"><h2>Orders today</h2><p class=\"value\">{number}</p><button class=\"button primary\" data-on:click=\"{press}\">Add one</button></div>"
    );
    for (name, value) in [
        ("Revenue", "48,210 €"),
        ("Open tickets", "37"),
        ("Visitors", "9,114"),
    ] {
        let _ = write!(
            html,
            "<div class=\"figure\"><h2>{name}</h2><p class=\"value\">{value}</p></div>"
        );
    }
    html.push_str("</section><table class=\"orders\"><thead><tr><th>Order</th><th>Customer</th><th>Article</th><th>Quantity</th><th>Total</th><th>State</th></tr></thead><tbody>");
    let mut random = 0x2545_F491_u32;
    let mut pick = |among: u32| {
        // Xorshift: the same page on every machine, that no encoder finds too easy.
        random ^= random << 13;
        random ^= random >> 17;
        random ^= random << 5;
        random % among
    };
    let customers = [
        "Akinyi",
        "Bergström",
        "Castellanos",
        "Dimitrova",
        "Eberhardt",
        "Fukuda",
        "Grabowski",
        "Haddad",
        "Ivanova",
        "Jørgensen",
    ];
    let articles = [
        "Oak table",
        "Desk lamp",
        "Linen curtain",
        "Cast-iron pan",
        "Wool blanket",
        "Folding chair",
        "Glass carafe",
    ];
    let states = ["paid", "packed", "sent", "delivered", "returned"];
    for _ in 0..40 {
        let order = pick(900_000) + 100_000;
        let state = states[pick(5) as usize];
        let _ = write!(
            html,
            "<tr id=\"order-{order}\" class=\"row {state}\"><td><a class=\"order-link\" href=\"/orders/{order}\">#{order}</a></td><td>{}</td><td>{}</td><td class=\"number\">{}</td><td class=\"number\">{}.{:02} €</td><td><span class=\"badge {state}\">{state}</span></td></tr>",
            customers[pick(10) as usize],
            articles[pick(7) as usize],
            pick(20) + 1,
            pick(2_000) + 5,
            pick(100),
        );
    }
    html.push_str("</tbody></table>");
    html
}

fn list(number: u64, press: &str) -> String {
    let mut html = String::with_capacity(21 * 1_024);
    let _ = write!(
        html,
        "<h1>Readings</h1><p class=\"count\">{number}</p><button data-on:click=\"{press}\">Next</button><ol class=\"readings\">"
    );
    for item in 0..LIST_ITEMS {
        let reading = scramble(item);
        let _ = write!(
            html,
            "<li id=\"item-{item}\" class=\"item\"><a href=\"/items/{item}\">Sensor {:05}</a><span class=\"level\">{}.{:02} °C</span><time>{:02}:{:02}</time></li>",
            reading % 100_000,
            reading / 7 % 40,
            reading / 11 % 100,
            reading / 13 % 24,
            reading / 17 % 60,
        );
    }
    html.push_str("</ol>");
    html
}

fn board(number: u64, press: &str) -> String {
    let mut html = String::with_capacity(53 * 1_024);
    let _ = write!(
        html,
        "<h1>Move <b>{number}</b></h1><button data-on:click=\"{press}\">Next</button><div class=\"board\">"
    );
    for square in 0..BOARD_SQUARES {
        let touched = last_touched(square, number);
        let value = scramble(square * 1_000_003 + touched);
        let _ = write!(
            html,
            "<div id=\"sq-{square}\" class=\"square s{}\"><i>{:04}</i></div>",
            value % 8,
            value / 8 % 10_000
        );
    }
    html.push_str("</div>");
    html
}

/// The last change up to `number` in which a square got a new value. Changes take turns over the
/// board, six squares apart.
fn last_touched(square: u64, number: u64) -> u64 {
    let turns = BOARD_SQUARES / SQUARES_PER_CHANGE;
    let own = square % turns;
    number - (number + turns - own) % turns
}

/// The same number on every machine, that no encoder finds too easy (splitmix64).
fn scramble(seed: u64) -> u64 {
    let mut value = seed.wrapping_mul(0x9e37_79b9_7f4a_7c15);
    value = (value ^ (value >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    value = (value ^ (value >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    (value ^ (value >> 31)) >> 16
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_pages_have_the_size_that_the_report_says() {
        let bytes = |page: Page| page.html(FIRST, "@post('/inc')").len();
        assert!(bytes(Page::Counter) < 100);
        assert!(
            (10_000..14_000).contains(&bytes(Page::Dashboard)),
            "{}",
            bytes(Page::Dashboard)
        );
        assert!(
            (19_000..21_500).contains(&bytes(Page::List)),
            "{}",
            bytes(Page::List)
        );
        assert!(
            (49_000..52_500).contains(&bytes(Page::Board)),
            "{}",
            bytes(Page::Board)
        );
    }

    #[test]
    fn a_change_of_the_board_touches_six_squares() {
        for number in FIRST + 1..FIRST + 200 {
            let (before, after) = (
                Page::Board.html(number - 1, ""),
                Page::Board.html(number, ""),
            );
            let changed = before
                .split("<div")
                .zip(after.split("<div"))
                .filter(|(before, after)| before != after)
                .count();
            // The number stands before the first square.
            assert_eq!(changed, 1 + SQUARES_PER_CHANGE as usize, "at {number}");
            assert_eq!(after.matches(&Page::marker(number)).count(), 1);
        }
    }

    #[test]
    fn one_number_changes_and_can_be_found() {
        for page in [Page::Counter, Page::Dashboard, Page::List] {
            let html = page.html(FIRST + 7, "");
            assert_eq!(html.matches(&Page::marker(FIRST + 7)).count(), 1);
            assert_eq!(
                html,
                page.html(FIRST, "")
                    .replace(&FIRST.to_string(), &(FIRST + 7).to_string())
            );
        }
    }
}
