package import MeterWire

/// The part of a component that calls with one outcome other than ok used.
///
/// Counters keep it beside the component, which goes on to have everything: a variant is counted once more
/// and never added to a total, so that nobody who asks for usage needs to know of it. The ledger does: where
/// an offering does not bill an outcome, its variant is what is taken out of the billed amount. Its name is
/// the component's, U+001F and the outcome's, which no name from outside can be.
package struct ComponentVariant: Hashable, Sendable {
    package let component: Name
    package let outcome: Outcome

    package init(component: Name, outcome: Outcome) {
        self.component = component
        self.outcome = outcome
    }

    private static let separator: UInt8 = 0x1F

    /// The variant that a name of counters and segments stands for; nil if it is a component's own.
    package init?(_ name: Name) {
        guard let place = name.bytes.lastIndex(of: Self.separator),
            let outcome = Outcome(text: String(decoding: name.bytes[(place + 1)...], as: UTF8.self))
        else { return nil }
        component = Name(bytes: Array(name.bytes[..<place]))
        self.outcome = outcome
    }

    /// As counters and segments have it.
    package var name: Name {
        Name(bytes: component.bytes + [Self.separator] + Array(outcome.text.utf8))
    }

    /// For people: `input_tokens (error)`.
    package static func label(_ name: Name) -> String {
        ComponentVariant(name).map { "\($0.component) (\($0.outcome.text))" } ?? name.description
    }
}
