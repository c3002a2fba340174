package import Meter
package import MeterWire

/// What is known of one submission besides its intent.
package struct Attempt: Equatable, Sendable {
    package enum Answer: Equatable, Sendable {
        /// Nobody knows: found open at start, or no answer came.
        case unknown(String)
        /// 201, which says only that the call has ended.
        case accepted
        /// A refusal after the call had run: parts of it may be written.
        case refused(status: Int, message: String)
    }

    /// When it was sent at the latest, by our clock.
    package let sent: Timestamp
    package let answer: Answer

    package init(sent: Timestamp, answer: Answer) {
        self.sent = sent
        self.answer = answer
    }

    /// True while the request may still be running at Waldur's.
    package var isUnknown: Bool {
        if case .unknown = answer { return true }
        return false
    }
}

/// What became of each component of a submission, as far as a read-back tells.
package struct Settlement: Equatable, Sendable {
    /// Waldur shows the intended value.
    package var confirmed: [Name] = []
    /// Waldur does not have it and will not have it, with the reason.
    package var refused: [Name] = []
    /// Still to be looked up.
    package var open: [Name] = []
    package var status: Int?
    package var note: String?

    /// Judges the open components of a submission by what Waldur showed after it was sent.
    ///
    /// A value is confirmed when it is read. It is refused only when the request can no longer be running:
    /// Waldur has answered it, or it is older than the longest life of a request; reading went through the
    /// same token, behind which a request that still runs would have been waited for.
    package static func judge(
        _ open: OpenIntent,
        attempt: Attempt,
        observation: Observation,
        requestLifeMilliseconds: Int64
    ) -> Settlement {
        var settlement = Settlement()
        let intent = open.intent
        let over = attempt.sent.advanced(byMilliseconds: requestLifeMilliseconds)
        for item in intent.items where open.open.contains(item.component) {
            let value = observation.value(
                intent.key(item.component),
                marked: open.mark
            )
            if case .present(let usage) = value, usage.isExactly(item.amount) {
                settlement.confirmed.append(item.component)
                continue
            }
            if value == .unsettled || attempt.isUnknown && observation.begun < over {
                settlement.open.append(item.component)
                continue
            }
            settlement.refused.append(item.component)
            switch attempt.answer {
            case .unknown(let reason):
                settlement.note =
                    "not found in Waldur after the longest life of a request; \(reason)"
            case .accepted:
                settlement.status = 201
                settlement.note = "Waldur answered 201 and shows another value"
            case .refused(let status, let message):
                settlement.status = status
                settlement.note = message
            }
        }
        return settlement
    }
}
