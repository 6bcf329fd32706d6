//! `yumen check`: every problem at once.

use std::path::Path;
use std::process::ExitCode;
use std::sync::Arc;

use yumen_policy::Kind;

use crate::config::{Compiled, Origin, WrongLines, compile};
use crate::consumers::Consumers;
use crate::policies::kinds;
use crate::say;
use crate::secrets::Secrets;

/// Checks a configuration; prints it with all defaults if asked.
pub(crate) fn check(path: &Path, effective: bool, json: bool) -> ExitCode {
    let sources = match Origin::Path(path.to_owned()).read() {
        Ok(sources) => sources,
        Err(problem) => {
            say::say(problem);
            return ExitCode::FAILURE;
        }
    };
    let nobody = Consumers::default();
    let petition = Arc::<Secrets>::default().petition();
    let compiled = compile(&sources, (&nobody, WrongLines::Refuse), &petition, 1);
    let Compiled { model, plan, report, document, consumers, .. } = compiled;
    if json {
        say::print(format_args!("{}\n", serde_json::to_string_pretty(&report).unwrap_or_default()));
    } else {
        say::tell(report.render(&document));
    }
    let (Some(mut model), Some(plan)) = (model, plan) else { return ExitCode::FAILURE };
    if let Some(Err(problem)) = consumers.map(|reading| nobody.take_up(reading)) {
        say::say(problem);
        return ExitCode::FAILURE;
    }
    if effective {
        let kinds = kinds();
        let kind = |name: &str| kinds.iter().find(|kind| kind.name() == name).map(Kind::schema);
        model.hide_secrets(kind);
        // By way of JSON, which has no tags: the configuration reader refuses those.
        let text = serde_json::to_value(&model).map(|model| yaml_serde::to_string(&model));
        match text {
            Ok(Ok(text)) => say::print(text),
            Ok(Err(error)) => {
                say::say(error);
                return ExitCode::FAILURE;
            }
            Err(error) => {
                say::say(error);
                return ExitCode::FAILURE;
            }
        }
    } else if !json {
        say::print(format_args!(
            "{}: good: {} listeners, {} services, {} routes\n",
            path.display(),
            plan.listeners.len(),
            plan.destinations.len(),
            plan.routes.len()
        ));
    }
    ExitCode::SUCCESS
}
