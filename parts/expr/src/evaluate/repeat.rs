//! The macros: something for each item of a list or each key of a map.

use super::{Blame, Evaluation, Frame, Scope, keep};
use crate::error::{Cause, Error};
use crate::node::{Loop, LoopKind, Node};
use crate::value::{List, Map, Value};

/// What a loop goes through.
enum Items<'a> {
    Of(List<'a>),
    Keys(Map<'a>),
}

impl<'a> Items<'a> {
    fn of(value: Value<'a>) -> Result<Self, Cause> {
        match value {
            Value::List(list) => Ok(Self::Of(list)),
            Value::Map(map) => Ok(Self::Keys(map)),
            _ => Err(Cause::Mismatch),
        }
    }

    fn size(&self) -> usize {
        match self {
            Self::Of(list) => list.size(),
            Self::Keys(map) => map.size(),
        }
    }

    fn item(&self, at: usize) -> Option<Value<'a>> {
        match self {
            Self::Of(list) => list.item(at),
            Self::Keys(map) => map.key(at),
        }
    }
}

impl<'a> Evaluation<'_, 'a> {
    pub(super) fn repeat(
        &mut self,
        node: &'a Node,
        repeated: &'a Loop,
        scope: Scope<'_, 'a>,
    ) -> Result<Value<'a>, Error> {
        let items = self.node(&repeated.over, scope)?;
        let items = Items::of(items).at(node)?;
        let mut so_far = SoFar::default();
        for at in 0..items.size() {
            self.meter.step().at(node)?;
            let Some(value) = items.item(at) else { continue };
            let frame = Frame { value, around: scope };
            if self.item(repeated, frame, &mut so_far)? {
                break;
            }
        }
        so_far.result(repeated.kind)
    }

    /// Looks at one item. Says whether the loop is decided.
    fn item(
        &mut self,
        repeated: &'a Loop,
        frame: Frame<'_, 'a>,
        so_far: &mut SoFar<'a>,
    ) -> Result<bool, Error> {
        let body = &repeated.body;
        match repeated.kind {
            LoopKind::All | LoopKind::Exists => {
                let wanted = repeated.kind == LoopKind::Exists;
                match self.bool(body, Some(&frame)) {
                    Ok(holds) => so_far.decided = holds == wanted,
                    Err(error) => keep(error, &mut so_far.failed)?,
                }
            }
            LoopKind::ExistsOne => {
                so_far.found += usize::from(self.bool(body, Some(&frame))?);
            }
            LoopKind::Filter => {
                if self.bool(body, Some(&frame))? {
                    so_far.made.push(frame.value);
                }
            }
            LoopKind::Map => {
                let counts = match &repeated.filter {
                    Some(filter) => self.bool(filter, Some(&frame))?,
                    None => true,
                };
                if counts {
                    so_far.made.push(self.node(body, Some(&frame))?);
                }
            }
        }
        Ok(so_far.decided)
    }
}

/// What a loop found until now.
#[derive(Default)]
struct SoFar<'a> {
    /// An item was as `all` or `exists` look for.
    decided: bool,
    failed: Option<Error>,
    found: usize,
    made: Vec<Value<'a>>,
}

impl<'a> SoFar<'a> {
    fn result(self, kind: LoopKind) -> Result<Value<'a>, Error> {
        let holds = match kind {
            LoopKind::Map | LoopKind::Filter => return Ok(Value::made_list(self.made)),
            LoopKind::ExistsOne => self.found == 1,
            LoopKind::All => !self.decided,
            LoopKind::Exists => self.decided,
        };
        match self.failed {
            Some(error) if !self.decided => Err(error),
            _ => Ok(Value::Bool(holds)),
        }
    }
}
