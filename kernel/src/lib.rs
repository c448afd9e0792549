//! The spine: what a plugin is, and the handles it is given. It knows neither GraphQL nor HTTP.

pub mod blob;
pub mod bus;
pub mod cache;
pub mod clock;
pub mod config;
pub mod cron;
pub mod discard;
pub mod egress;
pub mod error;
pub mod events;
pub mod identity;
pub mod jobs;
pub mod kind;
pub mod library_file;
pub mod objects;
pub mod parts;
pub mod plugin;
pub mod seal;
pub mod shelf;
pub mod signing;
pub mod sql;
pub mod store;
pub mod stored;
pub mod telemetry;
pub mod work;
