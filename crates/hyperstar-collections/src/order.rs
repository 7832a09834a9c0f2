//! Keys between which there is always another: where the items of a list stand.
//!
//! # Design
//! The scheme is that of David Greenspan's `fractional-indexing` (known from Figma's editor), in
//! base 62: a key is an integer, whose first letter says how many digits it has, and a fraction. Keys
//! compare as bytes. Adding at either end counts the integer up or down, so that keys stay at a few
//! bytes; halving one gap again and again costs a digit for every six times. Jitter at the end, which
//! other implementations add against equal keys, is not needed: the id of the item follows the key.

const DIGITS: &[u8; 62] = b"0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz";

/// The longest key that is written. Where no shorter one fits, a list spreads the keys around.
pub(crate) const KEY_BYTES_MAX: usize = 64;

/// Where an item stands: it is before another if its key is less, by bytes.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct OrderKey(String);

impl OrderKey {
    /// The key that is written so; `None` if it is none that this module writes.
    pub(crate) fn parse(text: &str) -> Option<Self> {
        let (integer, fraction) = split(text.as_bytes())?;
        let is_key = text.len() <= KEY_BYTES_MAX
            && text.bytes().all(|byte| DIGITS.contains(&byte))
            && fraction.last() != Some(&b'0')
            && !(fraction.is_empty() && decrement(integer).is_none());
        is_key.then(|| Self(text.to_owned()))
    }

    /// The key that is this JSON, as it is stored of an item's place.
    pub(crate) fn from_json(bytes: &[u8]) -> Option<Self> {
        let text = std::str::from_utf8(bytes).ok()?;
        Self::parse(text.strip_prefix('"')?.strip_suffix('"')?)
    }

    pub(crate) fn as_str(&self) -> &str {
        &self.0
    }

    pub(crate) fn len(&self) -> usize {
        self.0.len()
    }

    /// A key after `low` and before `high`, where `None` is either end. `None` if there is none:
    /// `low` is not before `high`.
    pub(crate) fn between(low: Option<&Self>, high: Option<&Self>) -> Option<Self> {
        if let (Some(low), Some(high)) = (low, high)
            && low >= high
        {
            return None;
        }
        let bytes = match (low, high) {
            (None, None) => b"a0".to_vec(),
            (None, Some(high)) => before(high.0.as_bytes())?,
            (Some(low), None) => after(low.0.as_bytes())?,
            (Some(low), Some(high)) => between(low.0.as_bytes(), high.0.as_bytes())?,
        };
        String::from_utf8(bytes).ok().map(Self)
    }

    /// `count` keys in order, all after `low` and before `high`, spread so that they are short.
    pub(crate) fn spread(
        low: Option<&Self>,
        high: Option<&Self>,
        count: usize,
    ) -> Option<Vec<Self>> {
        let mut keys: Vec<Self> = Vec::with_capacity(count);
        match (low, high) {
            (low, None) => {
                for _ in 0..count {
                    keys.push(Self::between(keys.last().or(low), None)?);
                }
            }
            (None, high) => {
                for _ in 0..count {
                    keys.push(Self::between(None, keys.last().or(high))?);
                }
                keys.reverse();
            }
            (low, high) if count > 0 => {
                let middle = Self::between(low, high)?;
                let first_half = Self::spread(low, Some(&middle), count / 2)?;
                let second_half = Self::spread(Some(&middle), high, count - count / 2 - 1)?;
                keys.extend(first_half);
                keys.push(middle);
                keys.extend(second_half);
            }
            _ => {}
        }
        Some(keys)
    }
}

fn before(high: &[u8]) -> Option<Vec<u8>> {
    let (integer, fraction) = split(high)?;
    if !fraction.is_empty() {
        let is_least = decrement(integer).is_none();
        return Some(if is_least {
            [integer, &midpoint(b"", Some(fraction))].concat()
        } else {
            integer.to_vec()
        });
    }
    // The least integer is no key: nothing would fit before it.
    let less = decrement(integer)?;
    match decrement(&less) {
        Some(_) => Some(less),
        None => Some([&*less, &midpoint(b"", None)].concat()),
    }
}

fn after(low: &[u8]) -> Option<Vec<u8>> {
    let (integer, fraction) = split(low)?;
    Some(match increment(integer) {
        Some(greater) => greater,
        None => [integer, &midpoint(fraction, None)].concat(),
    })
}

fn between(low: &[u8], high: &[u8]) -> Option<Vec<u8>> {
    let (integer, fraction) = split(low)?;
    let (high_integer, high_fraction) = split(high)?;
    if integer == high_integer {
        return Some([integer, &midpoint(fraction, Some(high_fraction))].concat());
    }
    Some(match increment(integer) {
        Some(greater) if *greater < *high => greater,
        _ => [integer, &midpoint(fraction, None)].concat(),
    })
}

/// The integer and the fraction. The first letter tells the digits after it: `a` is one and `Z` is
/// one of a negative number, `b` and `Y` are two.
fn split(key: &[u8]) -> Option<(&[u8], &[u8])> {
    let digits = match key.first()? {
        letter @ b'a'..=b'z' => letter - b'a' + 1,
        letter @ b'A'..=b'Z' => b'Z' - letter + 1,
        _ => return None,
    };
    key.split_at_checked(usize::from(digits) + 1)
}

fn increment(integer: &[u8]) -> Option<Vec<u8>> {
    let mut next = integer.to_vec();
    for digit in next[1..].iter_mut().rev() {
        if *digit != b'z' {
            *digit = DIGITS[index_of(*digit) + 1];
            return Some(next);
        }
        *digit = b'0';
    }
    match integer[0] {
        b'z' => return None,
        b'Z' => return Some(b"a0".to_vec()),
        letter => next[0] = letter + 1,
    }
    match integer[0] {
        b'a'..=b'z' => next.push(b'0'),
        _ => next.truncate(next.len() - 1),
    }
    Some(next)
}

fn decrement(integer: &[u8]) -> Option<Vec<u8>> {
    let mut next = integer.to_vec();
    for digit in next[1..].iter_mut().rev() {
        if *digit != b'0' {
            *digit = DIGITS[index_of(*digit) - 1];
            return Some(next);
        }
        *digit = b'z';
    }
    match integer[0] {
        b'A' => return None,
        b'a' => return Some(b"Zz".to_vec()),
        letter => next[0] = letter - 1,
    }
    match integer[0] {
        b'A'..=b'Z' => next.push(b'z'),
        _ => next.truncate(next.len() - 1),
    }
    Some(next)
}

/// A fraction between two, none of which ends with a zero: as short as it can be, else in the
/// middle. `low` is less than `high`; without a `high`, 1 is the end.
fn midpoint(mut low: &[u8], mut high: Option<&[u8]>) -> Vec<u8> {
    let mut middle = Vec::new();
    loop {
        let low_digit = low.first().map_or(0, |digit| index_of(*digit));
        let first_of_high = high.and_then(<[u8]>::first);
        let high_digit = first_of_high.map_or(DIGITS.len(), |digit| index_of(*digit));
        if high_digit > low_digit + 1 {
            middle.push(DIGITS[(low_digit + high_digit).div_ceil(2)]);
            return middle;
        }
        if high_digit == low_digit + 1 {
            if let Some([first, _, ..]) = high {
                middle.push(*first);
                return middle;
            }
            // No room before `high`: whatever comes after `low` here is before it.
            high = None;
        } else {
            high = high.map(|digits| digits.get(1..).unwrap_or_default());
        }
        middle.push(DIGITS[low_digit]);
        low = low.get(1..).unwrap_or_default();
    }
}

fn index_of(digit: u8) -> usize {
    usize::from(match digit {
        b'0'..=b'9' => digit - b'0',
        b'A'..=b'Z' => digit - b'A' + 10,
        _ => (digit - b'a' + 36).min(61),
    })
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    /// Cases of the JavaScript implementation's tests.
    #[test]
    fn keys_are_those_of_fractional_indexing() {
        let least = format!("A{}", "0".repeat(26));
        let greatest = format!("z{}", "z".repeat(26));
        let check = |low: &str, high: &str, expected: &str| {
            let parse = |text: &str| (!text.is_empty()).then(|| OrderKey::parse(text).unwrap());
            let key = OrderKey::between(parse(low).as_ref(), parse(high).as_ref());
            let key = key.as_ref().map_or("", OrderKey::as_str);
            assert_eq!(key, expected, "{low:?} {high:?}");
        };
        check("", "", "a0");
        check("", "a0", "Zz");
        check("", "Zz", "Zy");
        check("a0", "", "a1");
        check("a1", "", "a2");
        check("a0", "a1", "a0V");
        check("a1", "a2", "a1V");
        check("a0V", "a1", "a0l");
        check("Zz", "a0", "ZzV");
        check("Zz", "a1", "a0");
        check("", "Y00", "Xzzz");
        check("bzz", "", "c000");
        check("a0", "a0V", "a0G");
        check("a0", "a0G", "a08");
        check("b125", "b129", "b127");
        check("a0", "a1V", "a1");
        check("Zz", "a01", "a0");
        check("", "a0V", "a0");
        check("", "b999", "b99");
        check("", &format!("{least}1"), &format!("{least}0V"));
        check("", &format!("{}1", &least[..26]), &format!("{least}V"));
        check(&format!("{}y", &greatest[..26]), "", &greatest);
        check(&greatest, "", &format!("{greatest}V"));
        check("a1", "a0", "");
        check("a1", "a1", "");
    }

    #[test]
    fn what_is_no_key_is_refused() {
        let least = format!("A{}", "0".repeat(26));
        let long = format!("a0{}", "V".repeat(KEY_BYTES_MAX - 1));
        for text in [
            "", "a", "a00", "a0V0", "b0", "0", "a-", "a0-", "a0ü", "ü", "z0", &least, &long,
        ] {
            assert_eq!(OrderKey::parse(text), None, "{text}");
        }
        for text in ["a0", "Zz", "Z0", "b00", "a0V", "a00V", &format!("{least}1")] {
            assert_eq!(OrderKey::parse(text).unwrap().as_str(), text);
        }
    }

    #[test]
    fn adding_at_an_end_keeps_keys_short() {
        let (mut first, mut last) = (None, None);
        for _ in 0..100_000 {
            last = Some(check_between(last.as_ref(), None));
            first = Some(check_between(None, first.as_ref()));
        }
        assert!(last.unwrap().len() <= 4 && first.unwrap().len() <= 4);
    }

    #[test]
    fn keys_are_spread_in_order_and_short() {
        let key = |text| OrderKey::parse(text).unwrap();
        let bounds = [
            None,
            Some(key("Y0z")),
            Some(key("a0")),
            Some(key("a01")),
            Some(key("c123")),
        ];
        for (index, low) in bounds.iter().enumerate() {
            for high in bounds[index + 1..].iter().map(Some).chain([None]) {
                let high = high.and_then(Option::as_ref);
                for count in [0, 1, 2, 7, 1000] {
                    let keys = OrderKey::spread(low.as_ref(), high, count).unwrap();
                    assert_eq!(keys.len(), count);
                    let all = low.iter().chain(&keys).chain(high);
                    assert!(all.clone().zip(all.skip(1)).all(|(a, b)| a < b));
                    assert!(keys.iter().all(|key| key.len() <= 8), "{keys:?}");
                }
            }
        }
    }

    fn check_between(low: Option<&OrderKey>, high: Option<&OrderKey>) -> OrderKey {
        let key = OrderKey::between(low, high).unwrap();
        assert!(low.is_none_or(|low| *low < key), "{low:?} {key:?}");
        assert!(high.is_none_or(|high| key < *high), "{high:?} {key:?}");
        if key.len() <= KEY_BYTES_MAX {
            assert_eq!(OrderKey::parse(key.as_str()), Some(key.clone()));
        }
        key
    }

    proptest! {
        #[test]
        fn there_is_always_a_key_between(places in prop::collection::vec(any::<prop::sample::Index>(), 1..300)) {
            let mut keys: Vec<OrderKey> = Vec::new();
            for place in places {
                let place = place.index(keys.len() + 1);
                let low = place.checked_sub(1).map(|before| &keys[before]);
                let key = check_between(low, keys.get(place));
                keys.insert(place, key);
            }
        }
    }
}
