//! GEODIST, GEOHASH, GEOPOS: what is known of members.

use super::{GEO, degrees_text, distance_text, unit};
use crate::command::arguments::per_argument;
use crate::command::{Access, Call, Command, Error, Handler, Keys, Result};
use crate::keyspace::View;
use crate::resp::Reply;
use crate::types::geo::{self, Point};

pub(super) const GEODIST: Command = Command {
    name: "geodist",
    summary: "Gives the distance between two members.",
    syntax: "key member1 member2 [M | KM | FT | MI]",
    example: r#"
        > GEOADD Sicily 13.361389 38.115556 Palermo 15.087269 37.502669 Catania
        (integer) 2
        > GEODIST Sicily Palermo Catania
        "166274.1516"
        > GEODIST Sicily Palermo Catania km
        "166.2742"
        > GEODIST Sicily Palermo Rome
        (nil)
    "#,
    complexity: "O(1)",
    keys: &[Keys::One(1, Access::Read)],
    handler: Handler::Read(geodist),
    ..GEO
};

pub(super) const GEOHASH: Command = Command {
    name: "geohash",
    summary: "Gives the geohashes of members, as other systems write them.",
    syntax: "key [member [member ...]]",
    example: r#"
        > GEOADD Sicily 13.361389 38.115556 Palermo 15.087269 37.502669 Catania
        (integer) 2
        > GEOHASH Sicily Palermo Rome
        1) "sqc8b49rny0"
        2) (nil)
    "#,
    complexity: "O(1) for each member requested.",
    keys: &[Keys::One(1, Access::Read)],
    handler: Handler::Read(|view, call| {
        let hash = |score: Option<f64>| {
            score.map_or(Reply::Null, |score| Reply::Owned(geo::text(score).to_vec()))
        };
        of_members(view, call, hash)
    }),
    cost: Some(per_argument),
    ..GEO
};

pub(super) const GEOPOS: Command = Command {
    name: "geopos",
    summary: "Gives the longitudes and latitudes of members.",
    syntax: "key [member [member ...]]",
    example: r#"
        > GEOADD Sicily 13.361389 38.115556 Palermo 15.087269 37.502669 Catania
        (integer) 2
        > GEOPOS Sicily Palermo Rome
        1) 1) "13.36138933897018433"
           2) "38.11555639549629859"
        2) (nil)
    "#,
    complexity: "O(1) for each member requested.",
    keys: &[Keys::One(1, Access::Read)],
    handler: Handler::Read(|view, call| {
        let place = |score: Option<f64>| {
            score.map_or(Reply::NullArray, |score| coordinates(Point::of_score(score)))
        };
        of_members(view, call, place)
    }),
    cost: Some(per_argument),
    ..GEO
};

fn geodist<'a>(view: View<'a>, call: &Call<'a>) -> Result<Reply<'a>> {
    let meters = match call.len() {
        4 => 1.0,
        5 => unit(call, 4)?,
        _ => return Err(Error::Syntax),
    };
    let Some(zset) = view.zset(call.key(1))? else { return Ok(Reply::Null) };
    let place = |at| zset.score(call.arg(at)).map(Point::of_score);
    let (Some(one), Some(other)) = (place(2), place(3)) else { return Ok(Reply::Null) };
    Ok(Reply::Owned(distance_text(one.distance(other) / meters)))
}

/// An array of what `f` makes of each member's score; none: it is not there.
fn of_members<'a>(
    view: View<'a>,
    call: &Call<'a>,
    f: impl Fn(Option<f64>) -> Reply<'static>,
) -> Result<Reply<'a>> {
    let zset = view.zset(call.key(1))?;
    let members = call.args()[2..].iter();
    Ok(Reply::Array(members.map(|member| f(zset.and_then(|zset| zset.score(member)))).collect()))
}

/// A place as clients get it.
pub(super) fn coordinates(place: Point) -> Reply<'static> {
    let degrees = |degrees| Reply::DoubleText(degrees_text(degrees));
    Reply::Array(vec![degrees(place.longitude), degrees(place.latitude)])
}
