//! A search, run: the members that lie in the shape, in order, as a reply or stored.

use super::distance_text;
use super::look::coordinates;
use super::query::{Destination, Form, Order, Query};
use crate::command::element::{kept, push};
use crate::command::{Call, Result, zset};
use crate::keyspace::{Tx, View};
use crate::resp::reply::BulksKind;
use crate::resp::{BulksBuilder, Reply};
use crate::types::geo::{Point, Shape};
use crate::types::packed::Element;
use crate::types::zset::ZsetRef;
use std::cmp::Ordering;
use std::ops::{Bound, Range};

/// A member inside the shape.
struct Found<'a> {
    member: Element<'a>,
    score: f64,
    place: Point,
    /// From the center, in the unit of the answer.
    distance: f64,
}

/// Answers a search that stores nothing.
pub(super) fn answer<'a>(view: View<'a>, call: &Call<'a>, form: Form) -> Result<Reply<'a>> {
    let zset = view.zset(call.key(form.source()))?;
    let query = Query::parse(call, form, zset)?;
    Ok(reply(&query, &found(zset, &query)))
}

/// Runs a search that may store its result.
pub(super) fn run<'a>(
    tx: &mut Tx<'_>,
    call: &Call<'a>,
    form: Form,
    event: &'static str,
) -> Result<Reply<'a>> {
    let zset = tx.view().counted().zset(call.key(form.source()))?;
    let query = Query::parse(call, form, zset)?;
    let found = found(zset, &query);
    let Some(Destination { key, distances }) = query.destination else {
        return Ok(reply(&query, &found));
    };
    let score = |found: &Found<'_>| if distances { found.distance } else { found.score };
    let items = found.iter().map(|found| (score(found), found.member.to_vec()));
    let mut items: Vec<(f64, Vec<u8>)> = items.collect();
    items.sort_by(|a, b| a.0.total_cmp(&b.0).then_with(|| a.1.cmp(&b.1)));
    zset::store(tx, key, &items, event);
    Ok(Reply::Int(items.len() as i64))
}

/// How many members a search looks at; of a polygon, how many of its edges too.
pub(super) fn cost(view: View<'_>, call: &Call<'_>, form: Form) -> u64 {
    /// Where a search may end early, so many members are tried to see whether it does.
    const TRIED: usize = 1000;
    /// It is quicker to search a small set than to find out how little there is to do.
    const LITTLE: usize = 5000;
    let Ok(Some(zset)) = view.zset(call.key(form.source())) else { return 0 };
    // A polygon has no more edges than the call has words.
    let most = zset.len().saturating_mul(call.len());
    if most <= LITTLE {
        return most as u64;
    }
    let Ok(query) = Query::parse(call, form, Some(zset)) else { return 0 };
    let (Some(center), Some(shape)) = (query.center, &query.shape) else { return 0 };
    let edges = if let Shape::Polygon(corners) = shape { corners.len() } else { 1 };
    let mut members: usize = ranks(zset, shape, center).map(|ranks| ranks.len()).sum();
    let tried = TRIED / edges;
    if let (true, Some(enough)) = (query.any, query.count)
        && enough <= tried
        && tried < members
    {
        let all = ranks(zset, shape, center).flat_map(|ranks| zset.range(ranks));
        let inside = |score| shape.distance(center, Point::of_score(score)).is_some();
        let mut numbered = all.take(tried).enumerate().filter(|(_, (_, score))| inside(*score));
        members = numbered.nth(enough - 1).map_or(members, |(at, _)| at + 1);
    }
    members.saturating_mul(edges) as u64
}

/// The ranges of ranks to look at, in Redis' order.
fn ranks<'a>(
    zset: ZsetRef<'a>,
    shape: &Shape,
    center: Point,
) -> impl Iterator<Item = Range<usize>> + use<'a> {
    shape.score_ranges(center).into_iter().map(move |scores| {
        // Scores have 52 bits: exact.
        let (start, end) = (scores.start as f64, scores.end as f64);
        zset.ranks_by_score(Bound::Included(start), Bound::Excluded(end))
    })
}

/// The members that are answered, in order. A missing key has none.
fn found<'a>(zset: Option<ZsetRef<'a>>, query: &Query<'_>) -> Vec<Found<'a>> {
    let (Some(zset), Some(center), Some(shape)) = (zset, query.center, &query.shape) else {
        return Vec::new();
    };
    let enough = if query.any { query.count.unwrap_or(usize::MAX) } else { usize::MAX };
    let mut found = Vec::new();
    'walk: for ranks in ranks(zset, shape, center) {
        for (member, score) in zset.range(ranks) {
            let place = Point::of_score(score);
            let Some(distance) = shape.distance(center, place) else { continue };
            found.push(Found { member, score, place, distance: distance / query.unit });
            if found.len() >= enough {
                break 'walk;
            }
        }
    }
    // COUNT alone asks for the nearest.
    let nearest = query.count.filter(|_| !query.any).map(|_| Order::Ascending);
    if let Some(order) = query.order.or(nearest) {
        sort(&mut found, order, query.count.unwrap_or(usize::MAX));
    }
    found.truncate(query.count.unwrap_or(usize::MAX));
    found
}

/// Sorts by distance, as far as the first `count`; members equally far keep their order.
fn sort(found: &mut Vec<Found<'_>>, order: Order, count: usize) {
    let compare = |a: &Found<'_>, b: &Found<'_>| match order {
        Order::Ascending => a.distance.total_cmp(&b.distance),
        Order::Descending => b.distance.total_cmp(&a.distance),
    };
    if count >= found.len() {
        found.sort_by(compare);
        return;
    }
    let mut numbered: Vec<(usize, Found<'_>)> = found.drain(..).enumerate().collect();
    let stable = |a: &(usize, Found<'_>), b: &(usize, Found<'_>)| -> Ordering {
        compare(&a.1, &b.1).then(a.0.cmp(&b.0))
    };
    numbered.select_nth_unstable_by(count, stable);
    numbered.truncate(count);
    numbered.sort_unstable_by(stable);
    found.extend(numbered.into_iter().map(|(_, found)| found));
}

fn reply(query: &Query<'_>, found: &[Found<'_>]) -> Reply<'static> {
    if !(query.with_distance || query.with_hash || query.with_place) {
        let mut members = BulksBuilder::new(BulksKind::Array);
        found.iter().for_each(|found| push(&mut members, found.member));
        return members.finish();
    }
    let row = |found: &Found<'_>| {
        let mut row = vec![kept(found.member)];
        if query.with_distance {
            row.push(Reply::Owned(distance_text(found.distance)));
        }
        if query.with_hash {
            row.push(Reply::Int(found.score as i64));
        }
        if query.with_place {
            row.push(coordinates(found.place));
        }
        Reply::Array(row)
    };
    Reply::Array(found.iter().map(row).collect())
}
