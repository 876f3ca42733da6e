//! The devices of this machine, and which of them to use.
#![allow(unsafe_code, reason = "the driver's C interface: each call with its reason")]

use std::{
    ffi::{CStr, c_int},
    fmt,
    str::FromStr,
};

use cudarc::driver::{
    result::{self, DriverError},
    sys::{self, CUdevice_attribute_enum as Attribute, CUresult},
};
use serde::Serialize;

use crate::{CudaError, error::During};

/// Devices that can be named, one for each bit of a [`DeviceSelection`]: more do not fit on a
/// machine.
const MAX_DEVICES: usize = 64;
/// The architecture that the PTX is written for.
const MIN_CAPABILITY: (i32, i32) = (7, 0);
/// The CUDA version of driver 525, whose interface cudarc is built for.
const MIN_CUDA: (i32, i32) = (12, 0);
/// Bytes for a bus id, `domain:bus:device.function` and its terminator: the driver's manual asks
/// for 13.
const BUS_ID_BYTES: usize = 32;

/// A device, as the driver describes it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Device {
    /// The driver's number for it. It depends on `CUDA_VISIBLE_DEVICES` and on the order of the
    /// cards.
    pub index: usize,
    /// Its model.
    pub name: String,
    /// Where it is plugged in, as `0000:01:00.0`.
    pub bus_id: String,
    pub memory_bytes: u64,
    /// Its architecture, as `8.6`.
    pub compute_capability: String,
    pub multiprocessors: u32,
    /// The highest clock that its multiprocessors are specified for.
    pub clock_max_mhz: u32,
    /// Whether the kernels can run there: compute capability 7.0 or higher.
    pub is_supported: bool,
}

impl fmt::Display for Device {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "GPU {} ({} at {})", self.index, self.name, self.bus_id)
    }
}

/// Lists the devices, in the driver's order. Makes no context, so that nothing of a device's
/// trouble reaches this process.
///
/// # Errors
/// [`CudaError::NoDriver`], [`CudaError::OldDriver`], [`CudaError::NoDevices`], or
/// [`CudaError::Driver`].
pub fn devices() -> Result<Vec<Device>, CudaError> {
    check_driver()?;
    match result::init() {
        Err(DriverError(CUresult::CUDA_ERROR_NO_DEVICE)) => return Err(CudaError::NoDevices),
        outcome => outcome.during("initialising the driver")?,
    }
    let count = result::device::get_count().during("counting devices")?;
    let devices = (0..count).map(|ordinal| describe(ordinal).during("describing a device"));
    let devices = devices.collect::<Result<Vec<_>, _>>()?;
    if devices.is_empty() { Err(CudaError::NoDevices) } else { Ok(devices) }
}

/// Whether there is a driver with all functions that are called: cudarc looks for each at its first
/// call, and panics if it is missing.
fn check_driver() -> Result<(), CudaError> {
    type GetVersion = unsafe extern "C" fn(*mut c_int) -> CUresult;
    // SAFETY: this loads a library by its well-known name, and runs its constructors.
    if !unsafe { sys::is_culib_present() } {
        return Err(CudaError::NoDriver);
    }
    // SAFETY: the library is present, and the type is that of the driver's manual.
    let get_version = unsafe { sys::culib().get::<GetVersion>(b"cuDriverGetVersion") };
    let mut version = 0;
    // SAFETY: the function writes a number there, and may be called before the driver is
    // initialised.
    let outcome = unsafe { get_version.map_err(|_| CudaError::NoDriver)?(&raw mut version) };
    outcome.result().during("asking the driver for its version")?;
    let got = (version / 1000, version % 1000 / 10);
    if got < MIN_CUDA { Err(CudaError::OldDriver { expected: MIN_CUDA, got }) } else { Ok(()) }
}

fn describe(ordinal: i32) -> Result<Device, DriverError> {
    let device = result::device::get(ordinal)?;
    // SAFETY: `device` is the handle that the driver just gave.
    let attribute = |attribute| unsafe { result::device::get_attribute(device, attribute) };
    let unsigned = |value: i32| u32::try_from(value).unwrap_or(0);
    let capability = (
        attribute(Attribute::CU_DEVICE_ATTRIBUTE_COMPUTE_CAPABILITY_MAJOR)?,
        attribute(Attribute::CU_DEVICE_ATTRIBUTE_COMPUTE_CAPABILITY_MINOR)?,
    );
    let mut bus_id = [0u8; BUS_ID_BYTES];
    // SAFETY: the buffer has the length that is given, and the driver ends what it writes there
    // with a zero.
    unsafe { sys::cuDeviceGetPCIBusId(bus_id.as_mut_ptr().cast(), BUS_ID_BYTES as i32, device) }
        .result()?;
    Ok(Device {
        index: ordinal as usize,
        name: result::device::get_name(device)?,
        bus_id: CStr::from_bytes_until_nul(&bus_id)
            .map(|id| id.to_string_lossy().into_owned())
            .unwrap_or_default(),
        // SAFETY: as above.
        memory_bytes: unsafe { result::device::total_mem(device)? } as u64,
        compute_capability: format!("{}.{}", capability.0, capability.1),
        multiprocessors: unsigned(attribute(Attribute::CU_DEVICE_ATTRIBUTE_MULTIPROCESSOR_COUNT)?),
        clock_max_mhz: unsigned(attribute(Attribute::CU_DEVICE_ATTRIBUTE_CLOCK_RATE)?) / 1000,
        is_supported: capability >= MIN_CAPABILITY,
    })
}

/// Which devices to use: all that are supported, or those named by their index.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum DeviceSelection {
    /// All that can run the kernels.
    #[default]
    All,
    /// Those whose bit is set, bit 0 for device 0; each of them must be able to.
    Set(u64),
}

/// Text that selects no devices.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("expected `all`, or different numbers below {MAX_DEVICES}, as in `0,2`")]
pub struct DeviceSelectionError;

impl FromStr for DeviceSelection {
    type Err = DeviceSelectionError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        if text == "all" {
            return Ok(Self::All);
        }
        text.split(',')
            .try_fold(0, |set, index| {
                // By their text: to Rust, `+1` and `01` are numbers too.
                let index = (0..MAX_DEVICES)
                    .find(|number| number.to_string() == index)
                    .ok_or(DeviceSelectionError)?;
                if set >> index & 1 == 0 { Ok(set | 1 << index) } else { Err(DeviceSelectionError) }
            })
            .map(Self::Set)
    }
}

impl DeviceSelection {
    /// Picks the devices out of [`devices`].
    ///
    /// # Errors
    /// [`CudaError::NoSuchDevice`] or [`CudaError::Unsupported`].
    pub fn pick(&self, devices: Vec<Device>) -> Result<Vec<Device>, CudaError> {
        let unsupported = |device: &Device| CudaError::Unsupported {
            device: device.to_string(),
            got: device.compute_capability.clone(),
        };
        match self {
            Self::All => {
                let first = devices.first().map_or(CudaError::NoDevices, unsupported);
                let supported: Vec<_> =
                    devices.into_iter().filter(|device| device.is_supported).collect();
                if supported.is_empty() { Err(first) } else { Ok(supported) }
            }
            Self::Set(set) => {
                let count = devices.len();
                let find = |got| match devices.get(got) {
                    None => Err(CudaError::NoSuchDevice { got, count }),
                    Some(device) if !device.is_supported => Err(unsupported(device)),
                    Some(device) => Ok(device.clone()),
                };
                (0..MAX_DEVICES).filter(|index| set >> index & 1 == 1).map(find).collect()
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn device(index: usize, is_supported: bool) -> Device {
        Device {
            index,
            name: "card".to_owned(),
            bus_id: format!("0000:0{index}:00.0"),
            memory_bytes: 1 << 30,
            compute_capability: if is_supported { "8.6" } else { "6.1" }.to_owned(),
            multiprocessors: 4,
            clock_max_mhz: 1500,
            is_supported,
        }
    }

    #[test]
    fn selections_are_all_or_different_numbers() {
        assert_eq!("all".parse(), Ok(DeviceSelection::All));
        assert_eq!("2,0".parse(), Ok(DeviceSelection::Set(0b101)));
        assert_eq!("63".parse(), Ok(DeviceSelection::Set(1 << 63)));
        for text in ["", "a", "0,", "1,1", "-1", "All", "0 1", "64", "+1", "01"] {
            assert_eq!(text.parse::<DeviceSelection>(), Err(DeviceSelectionError), "{text:?}");
        }
    }

    #[test]
    fn what_is_missing_or_too_old_is_an_error_and_never_another_device() {
        let devices = || vec![device(0, true), device(1, false), device(2, true)];
        let pick = |text: &str| text.parse::<DeviceSelection>().unwrap().pick(devices());
        assert_eq!(pick("all").unwrap(), [device(0, true), device(2, true)]);
        assert_eq!(pick("2,0").unwrap(), [device(0, true), device(2, true)]);
        assert_eq!(pick("3"), Err(CudaError::NoSuchDevice { got: 3, count: 3 }));
        assert!(matches!(pick("0,1"), Err(CudaError::Unsupported { got, .. }) if got == "6.1"));
        assert!(matches!(
            DeviceSelection::All.pick(vec![device(0, false)]),
            Err(CudaError::Unsupported { .. })
        ));
        assert_eq!(DeviceSelection::All.pick(Vec::new()), Err(CudaError::NoDevices));
    }
}
