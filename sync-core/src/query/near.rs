//! Whether a place on earth is near another one, with nothing but sums and products: so a phone and a database agree.
//!
//! A degree is as long everywhere going north, and going east as the cosine of the latitude half-way says. That cosine comes
//! from the one at the middle by its series, so no row asks for a sine. At the farthest, it is wrong by half a percent.

use serde_json::Value;

use super::MAX_KM;

/// Kilometres of a degree on a sphere of the earth's mean radius, 6371.0088 km.
const KM_OF_A_DEGREE: f64 = 111.195_08;

/// Half a degree as an angle: half of the way between two latitudes, per degree of it.
const HALF_A_DEGREE: f64 = std::f64::consts::PI / 360.0;

/// A place, and so far around it.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Near {
    /// Degrees north.
    pub lat: f64,
    /// Degrees east.
    pub lon: f64,
    /// How far away it may be.
    pub km: f64,
}

/// What is worked out of a [`Near`] once, whatever stands in the rows.
#[derive(Debug, Clone, Copy)]
pub(super) struct Terms {
    pub(super) cosine: f64,
    pub(super) sine: f64,
    pub(super) half: f64,
    pub(super) limit: f64,
}

impl Near {
    /// From `{"lat": 31.23, "lon": 121.47, "km": 10}`.
    pub(super) fn read(value: &Value) -> Option<Self> {
        let object = value.as_object().filter(|object| object.len() == 3)?;
        let part = |name: &str| object.get(name)?.as_f64();
        let near = Self { lat: part("lat")?, lon: part("lon")?, km: part("km")? };
        let is_on_earth = near.lat.abs() <= 90.0 && near.lon.abs() <= 180.0;
        (is_on_earth && near.km > 0.0 && near.km <= MAX_KM).then_some(near)
    }

    pub(super) fn terms(&self) -> Terms {
        let (sine, cosine) = self.lat.to_radians().sin_cos();
        let degrees = self.km / KM_OF_A_DEGREE;
        Terms { cosine, sine, half: HALF_A_DEGREE, limit: degrees * degrees }
    }

    /// Whether a value is a place that is so near. The same steps as in [`super::sql`], or the two would round otherwise.
    pub(super) fn holds(&self, value: &Value) -> bool {
        let part = |name: &str| value.as_object()?.get(name)?.as_f64();
        let Some((lat, lon)) = part("lat").zip(part("lon")) else { return false };
        let Terms { cosine, sine, half, limit } = self.terms();
        let (east, north) = ((lon - self.lon).abs(), lat - self.lat);
        let east = if east > 180.0 { 360.0 - east } else { east };
        let h = north * half;
        let x = east * (cosine - sine * h - cosine * h * h / 2.0);
        x * x + north * north <= limit
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    /// As the great circle has it.
    fn km(from: (f64, f64), to: (f64, f64)) -> f64 {
        let (a, b) = ((to.0 - from.0).to_radians() / 2.0, (to.1 - from.1).to_radians() / 2.0);
        let h = a.sin().powi(2) + from.0.to_radians().cos() * to.0.to_radians().cos() * b.sin().powi(2);
        2.0 * 6371.0088 * h.sqrt().asin()
    }

    #[test]
    fn distances_are_those_of_the_great_circle_to_half_a_percent() {
        let cities = [(31.2304, 121.4737), (30.2741, 120.1551), (22.5431, 114.0579), (22.3193, 114.1694), (52.52, 13.405), (-17.7, 178.8)];
        let others =
            [(31.3, 121.5), (31.2989, 120.5853), (22.27, 113.57), (22.3, 114.17), (48.2082, 16.3738), (-13.8, -172.1), (60.0, 25.0)];
        let mut tried = 0;
        for from in cities {
            for to in others {
                let far = km(from, to);
                if far * 1.01 > MAX_KM {
                    continue;
                }
                tried += 1;
                let near = |km| Near { lat: from.0, lon: from.1, km }.holds(&json!({"lat": to.0, "lon": to.1}));
                assert!(near(far * 1.005) && !near(far * 0.995), "{from:?} {to:?}: {far} km");
            }
        }
        assert!(tried >= 8, "{tried}");
    }

    #[test]
    fn a_place_on_earth_and_a_distance_are_asked_for() {
        for (value, fits) in [
            (json!({"lat": 31.2, "lon": 121.5, "km": 10}), true),
            (json!({"lat": 31.2, "lon": 121.5}), false),
            (json!({"lat": 91, "lon": 121.5, "km": 10}), false),
            (json!({"lat": 31.2, "lon": -181, "km": 10}), false),
            (json!({"lat": 31.2, "lon": 121.5, "km": 0}), false),
            (json!({"lat": 31.2, "lon": 121.5, "km": 1001}), false),
            (json!({"lat": "31.2", "lon": 121.5, "km": 1}), false),
            (json!({"lat": 31.2, "lon": 121.5, "km": 1, "mi": 2}), false),
        ] {
            assert_eq!(Near::read(&value).is_some(), fits, "{value}");
        }
        let near = Near { lat: 0.0, lon: 0.0, km: 1.0 };
        for stray in [json!(null), json!("0,0"), json!({"lat": 0}), json!({"lat": "0", "lon": 0}), json!([0, 0])] {
            assert!(!near.holds(&stray), "{stray}");
        }
    }
}
