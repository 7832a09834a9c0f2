//! The pages that every server under test shows: one number in them changes.

use std::fmt::Write;

use clap::ValueEnum;

/// The number before the first change. All that follow have as many digits.
pub(crate) const FIRST: u64 = 10_000;

/// Which page is shown.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum Page {
    /// A number and a button: the smallest page that does something.
    Counter,
    /// A dashboard of 12 KB: navigation, four figures, a table of 40 rows.
    Dashboard,
}

impl Page {
    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Counter => "counter",
            Self::Dashboard => "dashboard",
        }
    }

    /// The page's content; `press` is the expression of its button, as each framework writes it.
    pub(crate) fn html(self, number: u64, press: &str) -> String {
        match self {
            Self::Counter => {
                format!("<h1>{number}</h1><button data-on:click=\"{press}\">+1</button>")
            }
            Self::Dashboard => dashboard(number, press),
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
    }

    #[test]
    fn one_number_changes_and_can_be_found() {
        for page in [Page::Counter, Page::Dashboard] {
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
