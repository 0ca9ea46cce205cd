//! Decisions about edits that were not accepted, as far as the caller sees them.

use sync_core::record::authored;
use sync_core::record::fields::FieldEdit;

use super::Writing;
use crate::error::{Error, Text};
use crate::intake::{Expect, NotEdited, NotReviewed, RecordEdit, Review, Ruling};
use crate::reading::ReadError;
use crate::store::rejected::{ChangeLink, RejectedRow};

/// Edits decided in one go: a page of them.
pub const REVIEWS_MAX: usize = 200;

impl Writing {
    /// Decides about edits; one answer for each, in order.
    ///
    /// # Errors
    /// When nothing was decided, and it is worth trying again.
    pub async fn review(&self, changes: &[ChangeLink], ruling: &Ruling) -> Result<Vec<Result<(), NotReviewed>>, Error> {
        let mut seen = Vec::with_capacity(changes.len());
        for change in changes {
            seen.push(match self.reading.refused_row(*change).await {
                Ok(row) => row.filter(|row| self.grant.may_write(&row.kind)).ok_or(NotReviewed::NoSuchEdit),
                Err(ReadError::SeveralEdits) => Err(NotReviewed::Several),
                Err(error) => return Err(error.into()),
            });
        }
        let asked = seen.iter().flatten();
        let reviews = asked.map(|row| Review { change: row.name(), ruling: ruling.clone() }).collect();
        let mut answers = self.intake.review(&self.author, reviews, self.now).await?.into_iter();
        let answer = |seen: Result<RejectedRow, _>| seen.and_then(|_| answers.next().unwrap_or(Err(NotReviewed::NoSuchEdit)));
        Ok(seen.into_iter().map(answer).collect())
    }

    /// Decides about one edit.
    ///
    /// # Errors
    /// When it is not there, was decided by another, or the caller may not.
    pub async fn review_one(&self, change: ChangeLink, ruling: Ruling) -> Result<(), Error> {
        let answer = self.review(&[change], &ruling).await?.pop();
        answer.unwrap_or(Err(NotReviewed::NoSuchEdit)).map_err(Error::from)
    }

    /// Accepts an edit: as it is, or these edits in its place.
    ///
    /// # Errors
    /// As [`Writing::review_one`].
    pub async fn accept(&self, change: ChangeLink, instead: Option<Vec<FieldEdit>>) -> Result<(), Error> {
        if let Some(edits) = &instead {
            self.check_words(change, edits).await?;
        }
        self.review_one(change, instead.map_or(Ruling::Accept, Ruling::Amend)).await
    }

    /// A reviewer's own words are held to what everybody's are who writes here.
    async fn check_words(&self, change: ChangeLink, edits: &[FieldEdit]) -> Result<(), Error> {
        // Who may not, or decides twice, is told so by the review.
        let Some(row) = self.reading.refused_row(change).await? else { return Ok(()) };
        let kind = self.reading.kind(&row.kind)?;
        let before = self.reading.row(row.record).await?.map(|row| row.fields).unwrap_or_default();
        authored::check(kind, &before, edits).map_err(NotEdited::from)?;
        let edit = RecordEdit { kind: row.kind.clone(), record: row.record, edits: edits.to_vec(), expect: Expect::Existing };
        let stray = self.astray(&[edit]).await?.into_values().flatten().next();
        stray.map_or(Ok(()), |stray| Err(NotEdited::from(stray).into()))
    }
}

impl From<NotReviewed> for Error {
    fn from(why: NotReviewed) -> Self {
        let en = why.to_string();
        match why {
            NotReviewed::NoSuchEdit => Self::NotFound,
            NotReviewed::Several => Self::Conflict(Text::new(en, "多条记录提交了同一修改：请用 {change}.{record} 指明。")),
            NotReviewed::Decided => Self::Conflict(Text::new(en, "已有人处理了这条修改。")),
            NotReviewed::Withdrawn => Self::Conflict(Text::new(en, "提交人已撤回这条修改。")),
            NotReviewed::NotDeclined => Self::Conflict(Text::new(en, "这条修改既未被驳回也未被退回：已接受的内容请在记录中撤销。")),
            NotReviewed::Forgotten => Self::Conflict(Text::new(en, "它所修改的文字已被清除：请用自己的话写入，或驳回。")),
            NotReviewed::Unreadable => Self::Conflict(Text::new(en, "无法读取这条修改，只能驳回。")),
            NotReviewed::OtherKind => Self::Conflict(Text::new(en, "该记录的类型与这条修改所述不符：只能驳回。")),
            NotReviewed::TheirOwn => Self::Forbidden(Text::new(en, "不能审批自己的修改：需要他人审批。".to_owned())),
            NotReviewed::NotYourTurn(ref whom) => Self::Forbidden(Text::new(en, format!("尚未轮到您：这一步需要 {whom} 审批。"))),
            NotReviewed::OthersFollow => Self::Conflict(Text::new(en, "之后还有其他审批人：请直接同意、驳回或退回。")),
            NotReviewed::NoNote => {
                let message = Text::new(en, "请说明需要修改什么：退回时必须附上给提交人的说明。");
                Self::Invalid { field: Some("reason".to_owned()), message }
            }
            NotReviewed::MayNot(message) => {
                let zh = message.map_or_else(|| "您无权处理这条修改。".to_owned(), |message| message.zh);
                Self::Forbidden(Text::new(en, zh))
            }
            NotReviewed::NotEdited(why) => why.into(),
        }
    }
}
