package app.rapport

import app.rapport.ffi.ListStep
import app.rapport.ffi.ListUpdate
import app.rapport.ffi.Record

/** The list after an update. */
fun List<Record>.after(update: ListUpdate): List<Record> = when (update) {
    is ListUpdate.Reset -> update.rows
    is ListUpdate.Changes -> toMutableList().apply { update.steps.forEach(::take) }
}

private fun MutableList<Record>.take(step: ListStep) {
    when (step) {
        is ListStep.Insert -> add(step.at.toInt(), step.row)
        is ListStep.Update -> set(step.at.toInt(), step.row)
        is ListStep.Move -> add(step.to.toInt(), removeAt(step.from.toInt()))
        is ListStep.Remove -> removeAt(step.at.toInt())
    }
}
