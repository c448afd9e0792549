//! Why items have no poster. It is read by one statement for all items of a page that ask, and only for those.

use std::{collections::HashMap, sync::Arc};

use entities::{id::MediaId, media::MediaKind};
use kernel::{error::Failure, sql};
use schema::{
    kit::turn::{Batches, distinct},
    media::contracts::{ThumbnailAbsence, ThumbnailAbsenceReason as Reason},
};
use sea_orm::{ActiveEnum, DatabaseConnection, DbErr, QueryResult};

/// What there is to see of most sounds.
const SOUND: &str = "the file holds sound and no cover";
/// The same where not even peaks stand for it: headers without content, or nobody wants waveforms.
const SILENCE: &str = "the file holds no cover, and no sound of it was measured";

type Known = Result<Arc<HashMap<MediaId, ThumbnailAbsence>>, Arc<DbErr>>;

/// The reasons of one request.
pub struct Absences(Batches<MediaId, Known>);

impl Absences {
    /// Read from this database.
    pub fn new(db: DatabaseConnection) -> Self {
        Self(Batches::new(move |media| {
            let db = db.clone();
            async move { read(&db, distinct(media)).await.map(Arc::new).map_err(Arc::new) }
        }))
    }

    /// Why an item that has no poster has none.
    pub async fn of(&self, media: MediaId) -> Result<Option<ThumbnailAbsence>, Failure> {
        Ok(self.0.get([media]).await??.get(&media).cloned())
    }
}

async fn read(db: &DatabaseConnection, media: Vec<MediaId>) -> Result<HashMap<MediaId, ThumbnailAbsence>, DbErr> {
    let text = format!(
        "select m.id, m.kind, m.missing_at, s.media_id, x.code, x.message, s.peaks_per_second from media m \
         left join picture_set s on s.media_id = m.id left join picture_failure x on x.media_id = m.id \
         where m.id in ({})",
        sql::ids(media)
    );
    let rows = sql::rows(db, text, []).await?;
    rows.iter()
        .map(|row| Ok((MediaId(row.try_get_by_index(0)?), absence(row)?)))
        .collect()
}

fn absence(row: &QueryResult) -> Result<ThumbnailAbsence, DbErr> {
    let kind = MediaKind::try_from_value(&row.try_get_by_index(1)?).map_err(|error| DbErr::Type(error.to_string()))?;
    let is_missing = row.try_get_by_index::<Option<i64>>(2)?.is_some();
    let is_drawn = row.try_get_by_index::<Option<i64>>(3)?.is_some();
    let failure: Option<(String, String)> = row
        .try_get_by_index::<Option<String>>(4)?
        .zip(row.try_get_by_index::<Option<String>>(5)?);
    let because = |reason, message: &str| ThumbnailAbsence {
        reason,
        code: None,
        message: message.to_owned(),
    };
    let has_peaks = row.try_get_by_index::<Option<i32>>(6)?.is_some();
    let is_sound = is_drawn && kind == MediaKind::Audio;
    Ok(match failure {
        None if is_sound && has_peaks => because(Reason::NothingToSee, SOUND),
        None if is_sound => because(Reason::NothingToSee, SILENCE),
        // That it has no cover is no failure; what else failed is told all the same.
        Some((code, message)) => ThumbnailAbsence {
            reason: if is_sound { Reason::NothingToSee } else { Reason::Failed },
            code: Some(code),
            message: if is_sound {
                format!("{SOUND}; {message}")
            } else {
                message
            },
        },
        None if is_missing => because(Reason::FileMissing, "none of its files is present"),
        None => because(Reason::NotDrawn, "it was not drawn yet"),
    })
}
