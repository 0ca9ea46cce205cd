package app.rapport

import app.rapport.kinds.Money
import app.rapport.kinds.createDeal
import app.rapport.kinds.createParty
import app.rapport.kinds.edit
import app.rapport.kinds.get
import app.rapport.kinds.watchParty
import kotlin.test.Test
import kotlin.test.assertEquals
import kotlinx.coroutines.flow.first

class KindsTest {
    @Test
    fun `the facades of the kinds read and write with types`() = withKit { kit ->
        val ann = kit.phone("ann")
        val (customer, deal) = ann.transaction {
            val customer = createParty {
                name("佳美")
                addToTags("vip")
                setInPhones("r1", "label" to "Office", "value" to "+86 10 1")
                notes(0, 0, "Call back")
            }
            customer to createDeal {
                title("Paper")
                party(customer.id)
                amount(Money(125_000, "CNY"))
            }
        }
        ann.transaction { edit(customer) { industry("print") } }
        val party = ann.get(customer)!!
        assertEquals(listOf("佳美", "print", listOf("vip"), "Call back", "Office"), listOf(party.name, party.industry, party.tags, party.notes, party.phones.single()["label"]))
        assertEquals(Money(125_000, "CNY") to customer.id, ann.get(deal)!!.let { it.amount to it.party })
        assertEquals(listOf("佳美"), ann.watchParty { "name" contains "佳" }.first().map { it.name })
    }
}
