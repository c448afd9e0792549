//! SeaORM models, one table a file; typed ids and value enums. No logic and no services.

#![allow(
    missing_docs,
    reason = "a column's name documents it; where that is not enough, it has a comment"
)]

pub mod api_token;
pub mod chapter;
pub mod collection;
pub mod collection_item;
pub mod custom_field;
pub mod edit;
pub mod edit_subject;
pub mod file;
pub mod file_analysis;
pub mod folder;
pub mod id;
pub mod job;
pub mod job_attempt;
pub mod job_batch;
pub mod job_need;
pub mod job_schedule;
pub mod keyframe_table;
pub mod library;
pub mod library_grant;
pub mod library_path;
pub mod marker;
pub mod marker_tag;
pub mod media;
pub mod media_field;
pub mod media_person;
pub mod media_tag;
pub mod media_user;
pub mod node;
pub mod operation_hour;
pub mod page;
pub mod passkey;
pub mod person;
pub mod person_alias;
pub mod provider_account;
pub mod quarantine;
pub mod queue_limit;
pub mod recovery_code;
pub mod saved_filter;
pub mod second_factor;
pub mod server_setting;
pub mod session;
pub mod setting;
pub mod share_link;
pub mod stream;
pub mod studio;
pub mod subtitle_lines;
pub mod subtitle_text;
pub mod tag;
pub mod tag_alias;
pub mod tag_parent;
pub mod user;
