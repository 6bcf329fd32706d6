//! One access log as its configuration has it: which exchanges it takes, what their lines look like,
//! and where they go.

use std::{io, sync::Arc};

use yumen_expr::{Problem, Template};
use yumen_model::{AccessLog, LogFormat, LogSink};

use super::{
    LogError, combined,
    filter::Filter,
    json::{self, Members},
    names::Name,
    open::Open,
    otlp,
    outlet::Outlet,
    stamp::Stamp,
    syslog::Header,
    template,
};
use crate::record::Record;

/// An open log. Chunks keep the one they were formatted for, so a change of sink or format loses
/// and mixes nothing: the old file is closed when its last chunk was written.
#[derive(Debug)]
pub(super) struct Sink {
    format: Format,
    frame: Frame,
    members: Members,
    /// Which exchanges have a line.
    pub(super) filter: Filter,
    /// Whether the fields of answers are asked for.
    pub(super) wants_answers: bool,
    /// The file that lines are written to; `None` if they are taken elsewhere.
    pub(super) open: Option<Open>,
    /// Whom lines are handed to.
    pub(super) outlet: Arc<Outlet>,
}

/// What is around a line.
#[derive(Debug)]
enum Frame {
    /// Nothing.
    Bare,
    /// A message of syslog.
    Syslog(Header),
    /// A log record of OTLP.
    Record,
}

/// What a line looks like.
#[derive(Debug)]
enum Format {
    Json,
    Combined,
    Template(Template<Name>),
}

impl Sink {
    /// Opens what the configuration names.
    pub(super) fn open(config: &AccessLog, outlet: Arc<Outlet>) -> Result<Self, LogError> {
        let refused = |cause| LogError { sink: outlet.name.clone(), cause };
        let unsound = |problems: Vec<Problem>| {
            let all: Vec<String> = problems.iter().map(ToString::to_string).collect();
            refused(io::Error::other(all.join("; ")))
        };
        let members = Members::new(config);
        let filter = Filter::new(config).map_err(unsound)?;
        let format = Format::new(&config.format).map_err(unsound)?;
        let wants_answers = filter.wants_answers() || format.wants_answers(&members);
        let open = match &config.to {
            LogSink::Stdout => Some(Open::stdout()),
            LogSink::File(path) => Some(Open::file(path, config)),
            LogSink::Syslog(_) | LogSink::Http(_) | LogSink::Otlp(_) | LogSink::Off => None,
        };
        let open = open.transpose().map_err(refused)?;
        let frame = match &config.to {
            LogSink::Otlp(_) => Frame::Record,
            LogSink::Syslog(sink) => Frame::Syslog(Header::new(sink)),
            LogSink::Stdout | LogSink::File(_) | LogSink::Http(_) | LogSink::Off => Frame::Bare,
        };
        Ok(Self { format, frame, members, filter, wants_answers, open, outlet })
    }

    /// Appends the line of one exchange.
    pub(super) fn format(&self, out: &mut Vec<u8>, stamp: &mut Stamp, record: &Record<'_>) {
        match &self.frame {
            Frame::Bare => self.line(out, stamp, record),
            Frame::Syslog(header) => {
                header.write(out, stamp, record);
                self.line(out, stamp, record);
            }
            Frame::Record => {
                let mut text = Vec::new();
                match self.format {
                    // Its members would say once more what the attributes say.
                    Format::Json => otlp::sentence(&mut text, record),
                    Format::Combined | Format::Template(_) => self.line(&mut text, stamp, record),
                }
                otlp::write(out, text.trim_ascii_end(), record, &self.members);
            }
        }
    }

    fn line(&self, out: &mut Vec<u8>, stamp: &mut Stamp, record: &Record<'_>) {
        match &self.format {
            Format::Json => json::line(out, stamp, record, &self.members),
            Format::Combined => combined::line(out, stamp, record, &self.members.secrets),
            Format::Template(template) => {
                template::line(out, template, record, &self.members.secrets);
            }
        }
    }
}

impl Format {
    fn new(config: &LogFormat) -> Result<Self, Vec<Problem>> {
        Ok(match config {
            LogFormat::Json => Self::Json,
            LogFormat::Combined => Self::Combined,
            LogFormat::Template(text) => Self::Template(template::compile(text)?),
        })
    }

    fn wants_answers(&self, members: &Members) -> bool {
        match self {
            Self::Json => !members.response.is_empty(),
            Self::Combined => false,
            Self::Template(template) => template.keys().contains(&Name::ResponseHeaders),
        }
    }
}
