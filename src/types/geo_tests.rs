//! Geohashes and areas against slow twins, and against numbers that Redis gives.

use super::*;
use proptest::prelude::*;

fn point(longitude: f64, latitude: f64) -> Point {
    Point { longitude, latitude }
}

fn points() -> impl Strategy<Value = Point> {
    let longitude = prop_oneof![4 => -180.0..=180.0, 1 => Just(-180.0), 1 => Just(0.0)];
    let latitude = prop_oneof![4 => -85.05..=85.05, 1 => Just(0.0), 1 => 84.0..=85.05];
    (longitude, latitude).prop_map(|(longitude, latitude)| point(longitude, latitude))
}

/// Interleaves by halving the map, one bit after the other.
fn twin_hash(place: Point, step: u8) -> u64 {
    let (mut longitude, mut latitude) = (LONGITUDE, LATITUDE);
    let mut bits = 0;
    let mut halve = |bounds: &mut Bounds, value: f64| {
        let middle = (bounds.min + bounds.max) / 2.0;
        let upper = value >= middle;
        *(if upper { &mut bounds.min } else { &mut bounds.max }) = middle;
        bits = bits << 1 | u64::from(upper);
    };
    for _ in 0..step {
        halve(&mut longitude, place.longitude);
        halve(&mut latitude, place.latitude);
    }
    bits
}

proptest! {
    #[test]
    fn hashing_is_halving(place in points(), step in 1u8..=26) {
        // A twin that halves bounds rounds otherwise next to an edge: the cells may differ by one.
        let (hash, twin) = (Hash::of(place, step), twin_hash(place, step));
        let near = |a: u32, b: u32| a.abs_diff(b) <= 1;
        prop_assert!(near(gather(hash.bits), gather(twin)));
        prop_assert!(near(gather(hash.bits >> 1), gather(twin >> 1)));
        let area = hash.area();
        let slack = 1e-9;
        prop_assert!(place.longitude >= area.longitude.min - slack);
        prop_assert!(place.longitude <= area.longitude.max + slack);
        prop_assert!(place.latitude >= area.latitude.min - slack);
        prop_assert!(place.latitude <= area.latitude.max + slack);
    }

    #[test]
    fn spreading(bits: u32) {
        let mut twin = 0u64;
        for n in 0..32 {
            twin |= u64::from(bits >> n & 1) << (2 * n);
        }
        prop_assert_eq!(spread(bits), twin);
        prop_assert_eq!(gather(twin), bits);
    }

    #[test]
    fn neighbours_are_one_cell_away(
        place in points(),
        step in 1u8..=26,
        east in -1i8..=1,
        north in -1i8..=1,
    ) {
        let hash = Hash::of(place, step);
        let moved = hash.moved(east, north);
        let cells = 1i64 << step;
        let cell = |bits: u64| i64::from(gather(bits));
        let shifted = |bits: u64, by: i8| (cell(bits) + i64::from(by)).rem_euclid(cells);
        prop_assert_eq!(i64::from(gather(moved.bits >> 1)), shifted(hash.bits >> 1, east));
        prop_assert_eq!(i64::from(gather(moved.bits)), shifted(hash.bits, north));
    }

    #[test]
    fn a_score_gives_its_place_back(place in points()) {
        let again = Point::of_score(place.score());
        prop_assert!(place.distance(again) < 0.6, "{place:?} {again:?}");
        prop_assert_eq!(again.score(), place.score());
    }

    /// Whatever lies in the shape lies in one of its areas, away from the seams of the map.
    #[test]
    fn areas_cover_the_shape(
        longitude in -90.0f64..90.0,
        latitude in -60.0f64..60.0,
        size in 0.1f64..2_000_000.0,
        along in -1.0f64..1.0,
        up in -1.0f64..1.0,
        kind in 0u8..3,
    ) {
        let center = point(longitude, latitude);
        let corners = vec![
            point(longitude - size / 200_000.0, latitude),
            point(longitude, (latitude + size / 200_000.0).min(80.0)),
            point(longitude + size / 250_000.0, (latitude - size / 300_000.0).max(-80.0)),
        ];
        let (shape, center) = match kind {
            0 => (Shape::Radius(size), center),
            1 => (Shape::Box { width: size, height: size / 3.0 }, center),
            _ => (Shape::Polygon(corners.clone()), centroid(&corners)),
        };
        let bounds = shape.bounding_box(center);
        let middle = |bounds: Bounds, part: f64| {
            (bounds.min + bounds.max) / 2.0 + (bounds.max - bounds.min) / 2.0 * part
        };
        let place = point(middle(bounds.longitude, along), middle(bounds.latitude, up));
        let kept = Point::of_score(place.score());
        if place.is_valid() && shape.distance(center, kept).is_some() {
            let ranges = shape.score_ranges(center);
            prop_assert!(ranges.iter().any(|range| range.contains(&(place.score() as u64))));
        }
    }

    #[test]
    fn distances_are_symmetric_and_those_of_the_cosine_law(a in points(), b in points()) {
        let distance = a.distance(b);
        prop_assert!((distance - b.distance(a)).abs() < 1e-6 * distance.max(1.0));
        let cosine = a.latitude.rad().sin() * b.latitude.rad().sin()
            + a.latitude.rad().cos() * b.latitude.rad().cos()
                * (a.longitude - b.longitude).rad().cos();
        let twin = cosine.clamp(-1.0, 1.0).acos() * EARTH_RADIUS;
        prop_assert!((distance - twin).abs() < 1.0 + 1e-3 * distance, "{distance} {twin}");
    }
}

/// What redis-server 7.0 and Valkey 9.1 answer for Sicily.
#[test]
fn sicily() {
    let palermo = point(13.361389, 38.115556);
    let catania = point(15.087269, 37.502669);
    assert_eq!(palermo.score(), 3_479_099_956_230_698.0);
    assert_eq!(catania.score(), 3_479_447_370_796_909.0);
    assert_eq!(&text(palermo.score()), b"sqc8b49rny0");
    assert_eq!(&text(catania.score()), b"sqdtr74hyu0");
    let (a, b) = (Point::of_score(palermo.score()), Point::of_score(catania.score()));
    assert_eq!(format!("{:.4}", a.distance(b)), "166274.1516");
    assert_eq!(a.longitude, 13.361_389_338_970_184);
    assert_eq!(a.latitude, 38.115_556_395_496_3);
    let center = point(15.0, 37.0);
    let shape = Shape::Radius(200_000.0);
    let distance = shape.distance(center, a);
    assert_eq!(distance.map(|meters| format!("{:.4}", meters)), Some("190442.4298".into()));
    assert_eq!(Shape::Radius(100_000.0).distance(center, a), None);
    let wide = Shape::Box { width: 400_000.0, height: 400_000.0 };
    assert!(wide.distance(center, a).is_some() && wide.distance(center, b).is_some());
    let low = Shape::Box { width: 400_000.0, height: 120_000.0 };
    assert!(low.distance(center, a).is_none() && low.distance(center, b).is_some());
}

#[test]
fn steps_shrink_towards_the_poles() {
    assert_eq!(steps_for(0.0, 0.0), 26);
    assert_eq!(steps_for(f64::NAN, 0.0), 26);
    assert_eq!(steps_for(1e9, 0.0), 1);
    let (low, high, pole) =
        (steps_for(1000.0, 10.0), steps_for(1000.0, 70.0), steps_for(1000.0, -81.0));
    assert_eq!((low - high, high - pole), (1, 1));
}

#[test]
fn half_the_world_is_searched_once() {
    let ranges = Shape::Radius(1e9).score_ranges(point(0.0, 0.0));
    for (n, range) in ranges.iter().enumerate().skip(1) {
        assert_ne!(*range, ranges[n - 1]);
    }
}

#[test]
fn polygons() {
    let square = [point(0.0, 0.0), point(10.0, 0.0), point(10.0, 10.0), point(0.0, 10.0)];
    let middle = centroid(&square);
    assert!((middle.longitude - 5.0).abs() < 1e-9 && (middle.latitude - 5.0).abs() < 0.03);
    let shape = Shape::Polygon(square.to_vec());
    assert!(shape.distance(point(5.0, 5.0), point(9.0, 1.0)).is_some());
    assert!(shape.distance(point(5.0, 5.0), point(11.0, 1.0)).is_none());
    assert!(!is_inside(point(0.0, 0.0), &[]));
    let bounds = shape.bounding_box(point(5.0, 5.0));
    assert_eq!(bounds.latitude, Bounds { min: 0.0, max: 10.0 });
}

/// Sixty places, and what Valkey 9.1's GEOSEARCH finds among them: in the order of the areas, and
/// in each by score.
#[test]
fn searches_find_what_valkey_finds_in_its_order() {
    let places = (0..60i32).map(|i| {
        let near = |from: f64, step: i32| from + f64::from(i * step % 100) / 50.0;
        let far = |step: i32, period: i32, from: f64| f64::from(i * step % period) / 10.0 + from;
        if i < 30 {
            point(far(7919, 3600, -180.0), far(104_729, 1700, -85.0))
        } else {
            point(near(10.0, 37), near(45.0, 53))
        }
    });
    let mut scored: Vec<(u64, i32)> =
        places.zip(0..).map(|(place, i)| (place.score() as u64, i)).collect();
    scored.sort_unstable();
    let search = |shape: &Shape, center: Point| {
        let mut found = Vec::new();
        for range in shape.score_ranges(center) {
            for (score, i) in scored.iter().filter(|(score, _)| range.contains(score)) {
                let distance = shape.distance(center, Point::of_score(*score as f64));
                found.extend(distance.map(|distance| (*i, format!("{distance:.4}"))));
            }
        }
        let first = found.first().map(|(_, distance)| distance.clone());
        (found.iter().map(|(i, _)| *i).collect::<Vec<_>>(), first.unwrap())
    };
    let center = point(11.0, 46.0);
    let (found, first) = search(&Shape::Radius(60_000.0), center);
    assert_eq!(found, [33, 52, 31, 50, 39, 58, 44, 42, 48, 37, 56]);
    assert_eq!(first, "44876.5669");
    let (found, first) = search(&Shape::Box { width: 150_000.0, height: 90_000.0 }, center);
    assert_eq!(found, [46, 44, 33, 52, 31, 50, 39, 48, 35, 37, 56, 54]);
    assert_eq!(first, "78981.6795");
    let (found, first) = search(&Shape::Radius(5_000_000.0), point(-100.0, -70.0));
    // Redis 7.0's answer: Valkey 9.1 misses the first two and the fifth, which are within reach.
    assert_eq!(found, [0, 2, 7, 12, 5, 10, 15, 20, 25]);
    assert_eq!(first, "2194510.4401");
    let corners = vec![point(10.2, 45.1), point(11.9, 45.3), point(11.5, 46.8), point(10.6, 46.2)];
    let (found, first) = search(&Shape::Polygon(corners.clone()), centroid(&corners));
    assert_eq!(found, [55, 44, 42, 31, 50, 39, 36, 40, 59, 48, 37, 56]);
    assert_eq!(first, "67112.0835");
    let corners = vec![point(-120.0, -10.0), point(30.0, 40.0), point(60.0, -50.0)];
    let (found, first) = search(&Shape::Polygon(corners.clone()), centroid(&corners));
    assert_eq!((found, first), (vec![27], "4735464.9354".to_owned()));
}
