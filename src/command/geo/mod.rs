//! Places: sorted sets whose scores are geohashes ([`crate::types::geo`]).
//!
//! | file | commands |
//! |---|---|
//! | `add` | GEOADD |
//! | `look` | GEODIST, GEOHASH, GEOPOS |
//! | `search` | GEOSEARCH, GEOSEARCHSTORE |
//! | `radius` | GEORADIUS, GEORADIUSBYMEMBER and their `_RO` forms |
//! | `query` | the options of a search, read |
//! | `walk` | a search, run: members found, ordered, answered or stored |

mod add;
mod look;
mod query;
mod radius;
mod search;
mod walk;

use super::zset::score;
use super::{Call, Command, DEFAULT, Error, Group, Result};
use crate::types::geo::Point;

/// The entries of this folder.
pub(super) const COMMANDS: &[Command] = &[
    add::GEOADD,
    look::GEODIST,
    look::GEOHASH,
    look::GEOPOS,
    search::GEOSEARCH,
    search::GEOSEARCHSTORE,
    radius::GEORADIUS,
    radius::GEORADIUS_RO,
    radius::GEORADIUSBYMEMBER,
    radius::GEORADIUSBYMEMBER_RO,
];

/// What the entries have in common.
const GEO: Command = Command { group: Group::Geo, since: "3.2.0", ..DEFAULT };

/// The longitude at an argument's position and the latitude behind it.
fn point(call: &Call<'_>, at: usize) -> Result<Point> {
    let degrees = |at| score(call.arg(at)).ok_or(Error::NotFloat);
    let point = Point { longitude: degrees(at)?, latitude: degrees(at + 1)? };
    if point.is_valid() {
        return Ok(point);
    }
    let Point { longitude, latitude } = point;
    let text = format!("ERR invalid longitude,latitude pair {longitude:.6},{latitude:.6}");
    Err(Error::owned(text))
}

/// Meters in the unit that an argument names.
fn unit(call: &Call<'_>, at: usize) -> Result<f64> {
    const UNITS: [(&str, f64); 4] = [("M", 1.0), ("KM", 1000.0), ("FT", 0.3048), ("MI", 1609.34)];
    let found = UNITS.iter().find(|(name, _)| call.is(at, name));
    let unknown = Error::text("ERR unsupported unit provided. please use M, KM, FT, MI");
    found.map(|(_, meters)| *meters).ok_or(unknown)
}

/// A distance as clients get it: four digits behind the point.
fn distance_text(distance: f64) -> Vec<u8> {
    /// As Redis: scaled, then rounded, and printed as an integer with a point in it.
    const SCALE: f64 = 10_000.0;
    let scaled = (distance * SCALE).round_ties_even() as i64;
    format!("{}.{:04}", scaled / SCALE as i64, scaled % SCALE as i64).into_bytes()
}

/// A coordinate as clients get it: 17 digits behind the point, without zeros at the end.
fn degrees_text(degrees: f64) -> Vec<u8> {
    let text = format!("{degrees:.17}");
    text.trim_end_matches('0').trim_end_matches('.').as_bytes().to_vec()
}
