//! Short stories.

use tests::world::{World, append, set, splice};

#[test]
fn two_people_edit_one_note_offline() {
    let mut world = World::new(1);
    let (ann, bo) = world.two_phones();
    let note = ann.create("party", &[set("name", "佳美"), splice(0, "Likes tea.")]);
    world.run_until_quiet();
    ann.edit(note, splice(0, "Call back. "));
    bo.edit(note, append(" Sent offer."));
    world.run_until_quiet();
    assert_eq!(ann.text(note), "Call back. Likes tea. Sent offer.");
    assert_eq!(ann.text(note), bo.text(note));
}
