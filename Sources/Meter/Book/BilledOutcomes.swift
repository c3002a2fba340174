package import MeterWire

/// Calls of which outcomes an offering bills: ok always, the others as declared.
package struct BilledOutcomes: Equatable, Codable, Sendable, CustomStringConvertible {
    /// In the order of their numbers.
    package let outcomes: [Outcome]

    package static let all = BilledOutcomes(outcomes: Outcome.allCases)

    private init(outcomes: [Outcome]) { self.outcomes = outcomes }

    /// nil without ok, for an unknown word and for one that stands there twice.
    package init?(_ texts: [String]) {
        let named = texts.compactMap { Outcome(text: $0) }
        guard named.count == texts.count, Set(named).count == named.count, named.contains(.ok)
        else { return nil }
        outcomes = Outcome.allCases.filter(named.contains)
    }

    package func contains(_ outcome: Outcome) -> Bool { outcomes.contains(outcome) }

    package var texts: [String] { outcomes.map(\.text) }

    /// What is not billed.
    package var free: [Outcome] { Outcome.allCases.filter { !contains($0) } }

    package var description: String { texts.joined(separator: ", ") }

    package init(from decoder: any Decoder) throws {
        let texts = try [String](from: decoder)
        guard let read = BilledOutcomes(texts) else {
            throw DecodingError.dataCorrupted(
                .init(codingPath: decoder.codingPath, debugDescription: "no outcomes: \(texts)"))
        }
        self = read
    }

    package func encode(to encoder: any Encoder) throws { try texts.encode(to: encoder) }
}
