internal import Meter
internal import MeterWaldur
internal import MeterWire

/// An incident as finance reads it: which invoice item it concerns, at which price that is billed and at which
/// it should be, and what the two differ by.
struct IncidentLine {
    let incident: Incident
    let found: Timestamp

    /// Waldur's money that the invoice lacks (above zero) or has too much of, as far as the prices are known:
    /// all of what can no longer be told, otherwise the difference of the two prices. nil, too, for more than an
    /// exact number holds.
    var difference: ExactDecimal? {
        guard let due = incident.duePrice.flatMap({ ExactDecimal($0) }),
            let quantity = ExactDecimal(incident.quantity.description)
        else { return nil }
        if incident.kind == .notFlushed { return try? quantity.multiplied(by: due) }
        guard let frozen = incident.frozenPrice.flatMap({ ExactDecimal($0) }) else { return nil }
        return try? quantity.multiplied(by: due.subtracting(frozen))
    }

    /// What happened and what to ask for.
    var sentence: String {
        let quantity = incident.quantity
        let frozen = incident.frozenPrice ?? "an unknown price"
        let due = incident.duePrice ?? "an unknown price"
        let difference = difference.map { ", a difference of \($0)" } ?? ""
        return switch incident.kind {
        case .wrongMonth:
            "\(quantity) of the month before were filed here and replaced since; the invoice item may be "
                + "held to \(frozen) instead of \(due)\(difference): ask Waldur's staff to look at it"
        case .beforeTurn:
            "\(quantity) were filed before Waldur had turned the month; the invoice item is held to "
                + "\(frozen) instead of \(due)\(difference): ask Waldur's staff to correct its price"
        case .notFlushed:
            "an order came into effect before \(quantity) were told, due at \(due)"
                + (self.difference.map { ", \($0) in all" } ?? "")
                + ": settle its carry (meterctl carry list)"
        case .secondMeter:
            "another Meter wrote \(quantity) for it, and Meter's own figure was told again: find the other one, "
                + "which may run on a restored copy, and stop it"
        }
    }

    var json: JSONOutput {
        [
            "kind": .string(incident.kind.rawValue),
            "resource": .string(incident.key.resource.description),
            "component": .string(incident.key.component.description),
            "planPeriod": .string(incident.key.planPeriod.description),
            "month": .string(incident.key.month.description),
            "submission": .optional(incident.number),
            "quantity": .string(incident.quantity.description),
            "frozenPrice": .optional(incident.frozenPrice),
            "duePrice": .optional(incident.duePrice),
            "difference": .optional(difference),
            "found": .string(RFC3339.text(found)),
        ]
    }
}
