//! Places on the Earth as sorted-set scores: geohashes, distances, and the areas to search.
//!
//! A place is kept as 52 bits: 26 of its latitude and 26 of its longitude, interleaved (latitude in
//! the even bits), so that nearby places mostly have nearby scores. A search covers its shape by at
//! most nine areas of one size, each a range of scores, and looks at every member in them. All
//! formulas are Redis' (`geohash.c`, `geohash_helper.c`), to the last bit of a double, since
//! clients see the distances and the order of results depends on the areas.

use std::ops::Range;

/// Bits of latitude and of longitude in a score.
pub const STEP_MAX: u8 = 26;
/// Latitudes that can be kept, in degrees: those of the web's square map (EPSG:900913).
pub const LATITUDE: Bounds = Bounds { min: -85.051_128_78, max: 85.051_128_78 };
/// Longitudes, in degrees.
pub const LONGITUDE: Bounds = Bounds { min: -180.0, max: 180.0 };
/// Latitudes of the standard geohash text, in degrees.
const LATITUDE_WHOLE: Bounds = Bounds { min: -90.0, max: 90.0 };

/// Redis' radius of the Earth, in meters.
const EARTH_RADIUS: f64 = 6_372_797.560_856;
/// Half the circumference of the square map, in meters.
const MERCATOR_MAX: f64 = 20_037_726.37;

/// Latitude bits of a hash.
const EVEN: u64 = 0x5555_5555_5555_5555;
/// Longitude bits of a hash.
const ODD: u64 = 0xAAAA_AAAA_AAAA_AAAA;

/// From one number to another, both included.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Bounds {
    /// The smallest.
    pub min: f64,
    /// The largest.
    pub max: f64,
}

impl Bounds {
    /// Whether it lies between them.
    pub fn contains(&self, value: f64) -> bool {
        value >= self.min && value <= self.max
    }
}

/// A place, in degrees.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Point {
    /// East of Greenwich.
    pub longitude: f64,
    /// North of the equator.
    pub latitude: f64,
}

impl Point {
    /// Whether it can be kept (GEOADD's check).
    pub fn is_valid(&self) -> bool {
        LONGITUDE.contains(self.longitude) && LATITUDE.contains(self.latitude)
    }

    /// The score it is kept as. The point is valid.
    pub fn score(&self) -> f64 {
        Hash::of(*self, STEP_MAX).aligned() as f64
    }

    /// The place that a score stands for: the middle of its area.
    pub fn of_score(score: f64) -> Point {
        let area = Hash { bits: bits_of(score), step: STEP_MAX }.area();
        let middle = |bounds: Bounds, limits: Bounds| {
            ((bounds.min + bounds.max) / 2.0).min(limits.max).max(limits.min)
        };
        Point {
            longitude: middle(area.longitude, LONGITUDE),
            latitude: middle(area.latitude, LATITUDE),
        }
    }

    /// The distance to another place along the surface, in meters (haversine).
    pub fn distance(&self, other: Point) -> f64 {
        let v = ((other.longitude.rad() - self.longitude.rad()) / 2.0).sin();
        if v == 0.0 {
            // The same longitude: a shorter and exacter way.
            return latitude_distance(self.latitude, other.latitude);
        }
        let (latitude, other_latitude) = (self.latitude.rad(), other.latitude.rad());
        let u = ((other_latitude - latitude) / 2.0).sin();
        let a = u * u + latitude.cos() * other_latitude.cos() * v * v;
        2.0 * EARTH_RADIUS * a.sqrt().asin()
    }
}

/// The bits of any score a sorted set can have, also of one that GEOADD has not made: as C converts
/// it on x86-64, where a negative one wraps around and one beyond 64 bits gives 0.
fn bits_of(score: f64) -> u64 {
    const TWO_TO_63: f64 = 9_223_372_036_854_775_808.0;
    if score < TWO_TO_63 {
        (score as i64).cast_unsigned()
    } else if score < 2.0 * TWO_TO_63 {
        score as u64
    } else {
        0
    }
}

/// The distance between two latitudes, in meters.
fn latitude_distance(a: f64, b: f64) -> f64 {
    EARTH_RADIUS * (b.rad() - a.rad()).abs()
}

/// Degrees and radians, multiplied and divided as Redis does: `to_radians` rounds otherwise.
trait Angle {
    fn rad(self) -> f64;
    fn deg(self) -> f64;
}

const DEGREE: f64 = std::f64::consts::PI / 180.0;

impl Angle for f64 {
    fn rad(self) -> f64 {
        self * DEGREE
    }

    fn deg(self) -> f64 {
        self / DEGREE
    }
}

/// The text that GEOHASH answers for a score: 11 characters of the standard's base 32, whose
/// latitudes reach from -90 to 90, so the place is hashed anew. The last character would need 55
/// bits and is always `0`, as in Redis.
pub fn text(score: f64) -> [u8; 11] {
    const ALPHABET: &[u8; 32] = b"0123456789bcdefghjkmnpqrstuvwxyz";
    let bits = Hash::within(Point::of_score(score), STEP_MAX, LATITUDE_WHOLE).bits;
    std::array::from_fn(|n| {
        let digit = if n == 10 { 0 } else { bits >> (52 - (n + 1) * 5) & 0x1F };
        ALPHABET[digit as usize]
    })
}

/// A geohash: an area of the map that was halved `step` times in each direction.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Hash {
    /// `2 * step` bits.
    pub bits: u64,
    /// 1 to [`STEP_MAX`].
    pub step: u8,
}

/// The part of the map that a hash stands for.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Area {
    /// From west to east.
    pub longitude: Bounds,
    /// From south to north.
    pub latitude: Bounds,
}

impl Hash {
    /// The area of `step` halvings that a valid point lies in.
    pub fn of(point: Point, step: u8) -> Self {
        Hash::within(point, step, LATITUDE)
    }

    fn within(point: Point, step: u8, latitudes: Bounds) -> Self {
        let cell = |value: f64, bounds: Bounds| {
            let place = (value - bounds.min) / (bounds.max - bounds.min);
            // The far edge itself is one too far, as in Redis: its bit is spread with the others.
            (place * (1u64 << step) as f64) as u32
        };
        let latitude = spread(cell(point.latitude, latitudes));
        let longitude = spread(cell(point.longitude, LONGITUDE));
        Hash { bits: latitude | longitude << 1, step }
    }

    /// Its area.
    pub fn area(self) -> Area {
        let bounds = |cell: u32, limits: Bounds| {
            let (cells, scale) = ((1u64 << self.step) as f64, limits.max - limits.min);
            let edge = |cell: f64| limits.min + cell / cells * scale;
            Bounds { min: edge(f64::from(cell)), max: edge(f64::from(cell) + 1.0) }
        };
        Area {
            longitude: bounds(gather(self.bits >> 1), LONGITUDE),
            latitude: bounds(gather(self.bits), LATITUDE),
        }
    }

    /// Its bits as a score's: the area's south-west corner.
    pub fn aligned(self) -> u64 {
        self.bits << (2 * (STEP_MAX - self.step))
    }

    /// The scores of the places in its area, the end excluded.
    pub fn scores(self) -> Range<u64> {
        self.aligned()..Hash { bits: self.bits + 1, ..self }.aligned()
    }

    /// The area beside it: so many to the east (-1, 0, 1) and to the north. The map wraps around.
    fn moved(self, east: i8, north: i8) -> Self {
        let unused = 64 - 2 * u32::from(self.step);
        // Adding in every other bit: the bits between are set, so that a carry passes over them.
        let step = |bits: u64, own: u64, between: u64, by: i8| match by {
            0 => bits & own,
            1 => (bits & own).wrapping_add((between >> unused) + 1) & (own >> unused),
            _ => {
                let filled = bits & own | between >> unused;
                filled.wrapping_sub((between >> unused) + 1) & (own >> unused)
            }
        };
        let bits = step(self.bits, ODD, EVEN, east) | step(self.bits, EVEN, ODD, north);
        Hash { bits, ..self }
    }
}

/// Spreads 32 bits to the even bits of 64.
fn spread(bits: u32) -> u64 {
    let mut wide = u64::from(bits);
    for (shift, mask) in [
        (16, 0x0000_FFFF_0000_FFFF),
        (8, 0x00FF_00FF_00FF_00FF),
        (4, 0x0F0F_0F0F_0F0F_0F0F),
        (2, 0x3333_3333_3333_3333),
        (1, EVEN),
    ] {
        wide = (wide | wide << shift) & mask;
    }
    wide
}

/// Gathers the even bits.
fn gather(bits: u64) -> u32 {
    let mut wide = bits & EVEN;
    for (shift, mask) in [
        (1, 0x3333_3333_3333_3333),
        (2, 0x0F0F_0F0F_0F0F_0F0F),
        (4, 0x00FF_00FF_00FF_00FF),
        (8, 0x0000_FFFF_0000_FFFF),
        (16, 0x0000_0000_FFFF_FFFF),
    ] {
        wide = (wide | wide >> shift) & mask;
    }
    wide as u32
}

/// What a search covers, around its center.
#[derive(Debug, Clone, PartialEq)]
pub enum Shape {
    /// Everything within a distance, in meters.
    Radius(f64),
    /// A box as wide and as high as that, in meters, along the parallels and meridians.
    Box {
        /// From west to east, measured at the latitude of the place in question.
        width: f64,
        /// From south to north.
        height: f64,
    },
    /// Everything inside a polygon of three or more corners; the center is [`centroid`] of them.
    Polygon(Vec<Point>),
}

/// The middle of a polygon's corners on the globe, from which its members' distances are measured:
/// the direction of the sum of their directions, as Valkey has it.
pub fn centroid(corners: &[Point]) -> Point {
    let (mut x, mut y, mut z) = (0.0, 0.0, 0.0);
    for corner in corners {
        let (longitude, latitude) = (corner.longitude.rad(), corner.latitude.rad());
        x += latitude.cos() * longitude.cos();
        y += latitude.cos() * longitude.sin();
        z += latitude.sin();
    }
    let count = corners.len() as f64;
    let (x, y, z) = (x / count, y / count, z / count);
    Point { longitude: y.atan2(x).deg(), latitude: z.atan2((x * x + y * y).sqrt()).deg() }
}

impl Shape {
    /// The distance from `center` to `place` in meters, if the place lies in the shape.
    pub fn distance(&self, center: Point, place: Point) -> Option<f64> {
        match self {
            Shape::Radius(radius) => {
                let distance = center.distance(place);
                (distance <= *radius).then_some(distance)
            }
            Shape::Box { width, height } => {
                // The distance between latitudes is the cheaper one: asked first.
                if latitude_distance(place.latitude, center.latitude) > height / 2.0 {
                    return None;
                }
                let beside = Point { longitude: center.longitude, ..place };
                if place.distance(beside) > width / 2.0 {
                    return None;
                }
                Some(center.distance(place))
            }
            Shape::Polygon(corners) => is_inside(place, corners).then(|| center.distance(place)),
        }
    }

    /// West, south, east and north edge of a box around the shape, in degrees; they may lie beyond
    /// the map.
    pub fn bounding_box(&self, center: Point) -> Area {
        let (width, height) = match self {
            Shape::Radius(radius) => (*radius, *radius),
            Shape::Box { width, height } => (width / 2.0, height / 2.0),
            Shape::Polygon(corners) => return box_of(corners),
        };
        let north = (height / EARTH_RADIUS).deg();
        // A degree of longitude is shortest on the side that is farther from the equator.
        let far = if center.latitude < 0.0 { -north } else { north };
        let east = (width / EARTH_RADIUS / (center.latitude + far).rad().cos()).deg();
        Area {
            longitude: Bounds { min: center.longitude - east, max: center.longitude + east },
            latitude: Bounds { min: center.latitude - north, max: center.latitude + north },
        }
    }

    /// The areas to search, as ranges of scores, in Redis' order: the center's, then north, south,
    /// east, west, north-east, north-west, south-east, south-west, without those that cannot
    /// contribute. Of several equal ones in a row (a shape of half the world) only one is given.
    pub fn score_ranges(&self, center: Point) -> Vec<Range<u64>> {
        let mut hashes: Vec<Hash> = Vec::new();
        for hash in self.areas(center).into_iter().flatten() {
            if hashes.last() != Some(&hash) {
                hashes.push(hash);
            }
        }
        hashes.into_iter().map(Hash::scores).collect()
    }

    /// The nine areas; none where one is excluded.
    fn areas(&self, center: Point) -> [Option<Hash>; 9] {
        let bounds = self.bounding_box(center);
        let mut step = steps_for(self.reach(center), center.latitude);
        let mut hash = Hash::of(center, step);
        if step > 1 && !covers(hash, &bounds) {
            step -= 1;
            hash = Hash::of(center, step);
        }
        const PLACES: [(i8, i8); 9] =
            [(0, 0), (0, 1), (0, -1), (1, 0), (-1, 0), (1, 1), (-1, 1), (1, -1), (-1, -1)];
        let area = hash.area();
        PLACES.map(|(east, north)| {
            // A neighbour is of no use if the center's own area reaches to the edge of the box. In
            // the largest areas everything meets everything.
            let is_useless = step >= 2
                && (north < 0 && area.latitude.min < bounds.latitude.min
                    || north > 0 && area.latitude.max > bounds.latitude.max
                    || east < 0 && area.longitude.min < bounds.longitude.min
                    || east > 0 && area.longitude.max > bounds.longitude.max);
            (!is_useless).then(|| hash.moved(east, north))
        })
    }

    /// How far it reaches from its center, in meters.
    fn reach(&self, center: Point) -> f64 {
        match self {
            Shape::Radius(radius) => *radius,
            Shape::Box { width, height } => {
                ((width / 2.0) * (width / 2.0) + (height / 2.0) * (height / 2.0)).sqrt()
            }
            Shape::Polygon(corners) => {
                let distances = corners.iter().map(|corner| center.distance(*corner));
                distances.fold(0.0, f64::max)
            }
        }
    }
}

/// How often the map may be halved so that areas of that size, the center's and its neighbours',
/// cover a circle of `meters`. Towards the poles areas are narrower than they seem.
fn steps_for(meters: f64, latitude: f64) -> u8 {
    // Also what is no size at all, which would never grow.
    if meters.is_nan() || meters <= 0.0 {
        return STEP_MAX;
    }
    let mut step: i32 = 1;
    let mut range = meters;
    while range < MERCATOR_MAX {
        range *= 2.0;
        step += 1;
    }
    // So that the circle is covered in the worst case too.
    step -= 2;
    if !(-66.0..=66.0).contains(&latitude) {
        step -= 1;
        if !(-80.0..=80.0).contains(&latitude) {
            step -= 1;
        }
    }
    step.clamp(1, i32::from(STEP_MAX)) as u8
}

/// Whether the neighbours of a hash reach to the edges of a box.
fn covers(hash: Hash, bounds: &Area) -> bool {
    hash.moved(0, 1).area().latitude.max >= bounds.latitude.max
        && hash.moved(0, -1).area().latitude.min <= bounds.latitude.min
        && hash.moved(1, 0).area().longitude.max >= bounds.longitude.max
        && hash.moved(-1, 0).area().longitude.min <= bounds.longitude.min
}

fn box_of(corners: &[Point]) -> Area {
    let bounds = |value: fn(&Point) -> f64| Bounds {
        min: corners.iter().map(value).fold(f64::INFINITY, f64::min),
        max: corners.iter().map(value).fold(f64::NEG_INFINITY, f64::max),
    };
    Area {
        longitude: bounds(|corner| corner.longitude),
        latitude: bounds(|corner| corner.latitude),
    }
}

/// Whether a place lies inside a polygon: a line from it to the east crosses an odd number of
/// edges.
fn is_inside(place: Point, corners: &[Point]) -> bool {
    let mut inside = false;
    let mut before = match corners.last() {
        Some(last) => *last,
        None => return false,
    };
    for corner in corners {
        if (corner.latitude > place.latitude) != (before.latitude > place.latitude) {
            let along = (place.latitude - corner.latitude) / (before.latitude - corner.latitude);
            let crossing = (before.longitude - corner.longitude) * along + corner.longitude;
            inside ^= place.longitude < crossing;
        }
        before = *corner;
    }
    inside
}

#[cfg(test)]
#[path = "geo_tests.rs"]
mod tests;
