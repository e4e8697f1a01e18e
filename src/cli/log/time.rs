//! Times on the command line: Unix seconds, or RFC 3339.

/// Days of the Gregorian calendar from 0000-03-01 to 1970-01-01.
const DAYS_TO_1970: i64 = 719_468;
const SECONDS_A_DAY: i64 = 86_400;
/// Days of four hundred years.
const DAYS_AN_ERA: i64 = 146_097;

/// Reads `1700000000` or `2023-11-14T22:13:20Z` (a blank instead of the T, a fraction, which is cut
/// off, and an offset such as `+02:00` instead of the Z are taken too) as Unix seconds.
pub fn parse(text: &str) -> Result<u64, String> {
    let wrong = || format!("{text}: neither Unix seconds nor a time such as 2023-11-14T22:13:20Z");
    if !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit()) {
        return text.parse().map_err(|_| wrong());
    }
    let seconds = rfc_3339(text.as_bytes()).ok_or_else(wrong)?;
    u64::try_from(seconds).map_err(|_| format!("{text}: before 1970"))
}

fn rfc_3339(text: &[u8]) -> Option<i64> {
    let (date, rest) = text.split_at_checked(10)?;
    let (time, rest) = rest.split_at_checked(9)?;
    let [b'T' | b't' | b' ', time @ ..] = time else { return None };
    let number = |bytes: &[u8]| -> Option<i64> {
        let digits = bytes.iter().all(u8::is_ascii_digit);
        std::str::from_utf8(bytes).ok().filter(|_| digits)?.parse().ok()
    };
    let three = |bytes: &[u8], mark: u8| -> Option<[i64; 3]> {
        let mut parts = bytes.split(|byte| *byte == mark).map(number);
        let three = [parts.next()??, parts.next()??, parts.next()??];
        parts.next().is_none().then_some(three)
    };
    let [year, month, day] = three(date, b'-')?;
    let [hour, minute, second] = three(time, b':')?;
    let fits = (1..=12).contains(&month)
        && (1..=days_of(year, month)).contains(&day)
        && (0..24).contains(&hour)
        && (0..60).contains(&minute)
        // A leap second is the last one of its minute.
        && (0..=60).contains(&second);
    if !fits {
        return None;
    }
    let fraction = match rest {
        [b'.', rest @ ..] => {
            let digits = rest.iter().take_while(|byte| byte.is_ascii_digit()).count();
            (digits > 0).then_some(digits + 1)?
        }
        _ => 0,
    };
    let offset = match rest.get(fraction..)? {
        [b'Z' | b'z'] => 0,
        [sign @ (b'+' | b'-'), offset @ ..] if offset.len() == 5 && offset[2] == b':' => {
            let (hours, minutes) = (number(&offset[..2])?, number(&offset[3..])?);
            let seconds = hours * 3600 + minutes * 60;
            if *sign == b'+' { seconds } else { -seconds }
        }
        _ => return None,
    };
    let time = hour * 3600 + minute * 60 + second.min(59);
    Some(day_number(year, month, day) * SECONDS_A_DAY + time - offset)
}

fn days_of(year: i64, month: i64) -> i64 {
    match month {
        4 | 6 | 9 | 11 => 30,
        2 if year % 4 == 0 && (year % 100 != 0 || year % 400 == 0) => 29,
        2 => 28,
        _ => 31,
    }
}

/// Days from 1970-01-01. Years are counted from March, so that a leap day is the last of its year.
fn day_number(year: i64, month: i64, day: i64) -> i64 {
    let year = if month <= 2 { year - 1 } else { year };
    let (era, of_era) = (year.div_euclid(400), year.rem_euclid(400));
    let of_year = (153 * ((month + 9) % 12) + 2) / 5 + day - 1;
    era * DAYS_AN_ERA + of_era * 365 + of_era / 4 - of_era / 100 + of_year - DAYS_TO_1970
}

/// Writes Unix seconds as `2023-11-14T22:13:20Z`.
pub fn shown(seconds: u64) -> String {
    let seconds = i64::try_from(seconds).unwrap_or(i64::MAX);
    let days = seconds.div_euclid(SECONDS_A_DAY) + DAYS_TO_1970;
    let (era, of_era) = (days.div_euclid(DAYS_AN_ERA), days.rem_euclid(DAYS_AN_ERA));
    let years = (of_era - of_era / 1460 + of_era / 36524 - of_era / 146_096) / 365;
    let of_year = of_era - (365 * years + years / 4 - years / 100);
    let from_march = (5 * of_year + 2) / 153;
    let day = of_year - (153 * from_march + 2) / 5 + 1;
    let month = (from_march + 2) % 12 + 1;
    let year = era * 400 + years + i64::from(month <= 2);
    let time = seconds.rem_euclid(SECONDS_A_DAY);
    let (hour, minute, second) = (time / 3600, time / 60 % 60, time % 60);
    format!("{year:04}-{month:02}-{day:02}T{hour:02}:{minute:02}:{second:02}Z")
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn times_as_rfc_3339_has_them() {
        for (text, seconds) in [
            ("0", 0),
            ("1700000000", 1_700_000_000),
            ("1970-01-01T00:00:00Z", 0),
            ("2023-11-14T22:13:20Z", 1_700_000_000),
            ("2023-11-15 00:13:20.75+02:00", 1_700_000_000),
            ("2023-11-14t16:43:20-05:30", 1_700_000_000),
            ("2024-02-29T00:00:00z", 1_709_164_800),
            ("2000-02-29T23:59:60Z", 951_868_799),
        ] {
            assert_eq!(parse(text), Ok(seconds), "{text}");
        }
        for text in [
            "",
            "-1",
            "yesterday",
            "2023-11-14",
            "2023-11-14T22:13Z",
            "2023-11-14T22:13:20",
            "2023-13-14T22:13:20Z",
            "2023-02-29T22:13:20Z",
            "2023-11-14T24:13:20Z",
            "2023-11-14T22:13:20.Z",
            "2023-11-14T22:13:20+2:00",
            "1969-12-31T23:59:59Z",
            "99999999999999999999",
        ] {
            assert!(parse(text).is_err(), "{text}");
        }
    }

    proptest! {
        #[test]
        fn what_is_shown_is_read_back(seconds in 0..253_402_300_800_u64) {
            prop_assert_eq!(parse(&shown(seconds)), Ok(seconds));
        }
    }
}
