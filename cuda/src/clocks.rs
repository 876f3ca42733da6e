//! What a card's sensors say, through NVIDIA's management library: where that is missing, nothing.

use std::ffi::OsStr;

use nvml_wrapper::{
    Nvml,
    enum_wrappers::device::{Clock, TemperatureSensor},
};
use serde::Serialize;

/// The name under which drivers install the library; the one without a version comes with
/// development packages only.
const LIBRARY: &str = "libnvidia-ml.so.1";

/// A look at a card's sensors; `None` is what could not be read.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Clocks {
    /// The multiprocessors' clock now.
    pub clock_sm_mhz: Option<u32>,
    /// The memory's clock now.
    pub clock_memory_mhz: Option<u32>,
    /// What the card draws.
    pub power_mw: Option<u32>,
    /// How warm it is.
    pub temperature_celsius: Option<u32>,
}

impl Clocks {
    /// Reads the sensors of the cards with these bus ids, in their order.
    pub fn read<'a>(bus_ids: impl IntoIterator<Item = &'a str>) -> Vec<Self> {
        let library = Nvml::builder().lib_path(OsStr::new(LIBRARY)).init().ok();
        let read = |bus_id| {
            let Some(card) =
                library.as_ref().and_then(|library| library.device_by_pci_bus_id(bus_id).ok())
            else {
                return Self::default();
            };
            Self {
                clock_sm_mhz: card.clock_info(Clock::SM).ok(),
                clock_memory_mhz: card.clock_info(Clock::Memory).ok(),
                power_mw: card.power_usage().ok(),
                temperature_celsius: card.temperature(TemperatureSensor::Gpu).ok(),
            }
        };
        bus_ids.into_iter().map(read).collect()
    }
}
