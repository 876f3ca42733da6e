//! The OpenAPI schemas of the parameters that requests carry in their query: they are text in the
//! query, and integers in the schema.

use lode_consensus::Height;
use utoipa::openapi::schema::{ObjectBuilder, Schema, SchemaType, Type};

/// An integer between two others, these included.
pub(crate) fn parameter(minimum: u64, maximum: u64) -> Schema {
    let integer = ObjectBuilder::new().schema_type(SchemaType::Type(Type::Integer));
    integer.minimum(Some(minimum)).maximum(Some(maximum)).build().into()
}

/// A `u32`, as heights are.
pub(crate) fn u32_parameter() -> Schema {
    parameter(0, Height::MAX.into())
}
