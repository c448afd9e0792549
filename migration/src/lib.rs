//! Core migrations, frozen once merged. They spell out their DDL and never import `entities`.

pub mod ddl;
mod m20261121_000001_core;
mod m20261121_000002_jobs;
mod m20261121_000003_recount;
mod m20261121_000004_analysis;
mod m20261121_000005_library;
mod m20261121_000006_keyframes;
mod m20261121_000010_edit;
mod m20261121_000011_organize;
mod m20261121_000020_operations;
mod m20261121_000030_trust;
mod m20261121_000031_subtitle_files;
mod m20261121_000032_settlement;
mod m20261121_000033_pages;
mod m20261121_000034_sizes;
mod m20261121_000035_settings;
mod m20261122_000040_library_grant;
mod m20261122_000041_sign_in;
mod m20261122_000047_library_change;
mod m20261123_000048_search_pending;
mod m20261123_000049_subtitle_text;

use sea_orm_migration::{MigrationTrait, MigratorTrait};

/// The core tables. Each plugin has a migrator, and a bookkeeping table, of its own.
pub struct Migrator;

impl MigratorTrait for Migrator {
    fn migrations() -> Vec<Box<dyn MigrationTrait>> {
        vec![
            Box::new(m20261121_000001_core::Migration),
            Box::new(m20261121_000002_jobs::Migration),
            Box::new(m20261121_000003_recount::Migration),
            Box::new(m20261121_000004_analysis::Migration),
            Box::new(m20261121_000005_library::Migration),
            Box::new(m20261121_000006_keyframes::Migration),
            Box::new(m20261121_000010_edit::Migration),
            Box::new(m20261121_000011_organize::Migration),
            Box::new(m20261121_000020_operations::Migration),
            Box::new(m20261121_000030_trust::Migration),
            Box::new(m20261121_000031_subtitle_files::Migration),
            Box::new(m20261121_000032_settlement::Migration),
            Box::new(m20261121_000033_pages::Migration),
            Box::new(m20261121_000034_sizes::Migration),
            Box::new(m20261121_000035_settings::Migration),
            Box::new(m20261122_000040_library_grant::Migration),
            Box::new(m20261122_000041_sign_in::Migration),
            Box::new(m20261122_000047_library_change::Migration),
            Box::new(m20261123_000048_search_pending::Migration),
            Box::new(m20261123_000049_subtitle_text::Migration),
        ]
    }
}
