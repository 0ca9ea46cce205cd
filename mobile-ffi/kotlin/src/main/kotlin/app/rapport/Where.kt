package app.rapport

/** Conditions of a list, in the language of `docs/query.md`; all of them must hold. */
@RapportDsl
class Where internal constructor() {
    private val conditions = mutableListOf<String>()

    infix fun String.equalTo(value: Any) = condition("equals", this, value)

    infix fun String.contains(value: String) = condition("contains", this, value)

    infix fun String.startsWith(value: String) = condition("startsWith", this, value)

    infix fun String.atLeast(value: Any) = condition("greaterThanOrEquals", this, value)

    infix fun String.atMost(value: Any) = condition("lessThanOrEquals", this, value)

    infix fun String.isIn(values: Iterable<Any>) = condition("in", this, values)

    fun isNull(attribute: String) = condition("isNull", attribute, null)

    fun isNotNull(attribute: String) = condition("isNotNull", attribute, null)

    /** Any operator of the language. */
    fun condition(operator: String, attribute: String, value: Any?) {
        val rest = if (value == null) "" else ""","value":${json(value)}"""
        conditions += """{"type":${json(operator)},"attribute":${json(attribute)}$rest}"""
    }

    /** At least one of the conditions must hold. */
    fun any(where: Where.() -> Unit) {
        conditions += """{"type":"or","value":${Where().apply(where)}}"""
    }

    override fun toString(): String = conditions.joinToString(",", "[", "]")
}

private fun json(value: Any?): String = when (value) {
    null -> "null"
    is Boolean, is Number -> value.toString()
    is Iterable<*> -> value.joinToString(",", "[", "]", transform = ::json)
    else -> value.toString().map(::escaped).joinToString("", "\"", "\"")
}

private fun escaped(char: Char): String = when {
    char == '"' || char == '\\' -> "\\$char"
    char < ' ' -> "\\u%04x".format(char.code)
    else -> char.toString()
}
