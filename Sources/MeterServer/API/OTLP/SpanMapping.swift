internal import Meter
internal import MeterWire

/// What a span is to Meter: one call of a model, nothing that is counted, or a call that breaks a rule.
///
/// The rules are in `Documentation/Ingest.md`.
struct SpanMapping {
    /// Why a span is no call. The raw value is a metric's label.
    enum Ignored: String, CaseIterable {
        /// No attribute begins with `gen_ai.`.
        case notGenAI = "not-gen-ai"
        /// The span of an agent, a workflow or a tool: the calls of models in it have spans of their own.
        case otherOperation = "other-operation"
        /// It names no operation, and no tokens.
        case noOperation = "no-operation"
    }

    enum Result {
        case call(UsageEvent, identity: EventIdentity)
        case ignored(Ignored)
        case refused(ItemRefusal)
    }

    /// Of `gen_ai.operation.name`; others add up what these say.
    static let operations: Set<String> = [
        "chat", "text_completion", "generate_content", "embeddings",
    ]
    /// Shorter response ids are made up by local runtimes and come again.
    private static let responseIDByteCountMin = 16

    /// The tenant of spans that name none.
    let tenant: String?
    let principal: PrincipalID
    let hash: IdentifierHash

    func result(_ span: SpanRecord, _ resource: TelemetryAttributes) -> Result {
        do throws(ItemRefusal) {
            if let ignored = try Self.ignored(span.attributes) { return .ignored(ignored) }
            let event = try event(span, resource)
            return .call(event, identity: try identity(of: event, span))
        } catch {
            return .refused(error)
        }
    }

    private static func ignored(_ attributes: TelemetryAttributes) throws(ItemRefusal) -> Ignored? {
        if let operation = try text(of: [.operation], in: [attributes]) {
            return operations.contains(operation) ? nil : .otherOperation
        }
        let usage: [TelemetryAttributes.Name] = [
            .inputTokens, .outputTokens, .promptTokens, .completionTokens,
        ]
        return usage.contains { attributes[$0] != nil } ? nil : .noOperation
    }

    private func event(
        _ span: SpanRecord,
        _ resource: TelemetryAttributes
    ) throws(ItemRefusal) -> UsageEvent {
        let both = [span.attributes, resource]
        let end = span.end > 0 ? span.end : span.start
        guard end > 0 else { throw ItemRefusal(.badTime, "the span has no time") }
        guard let tenant = try Self.text(of: [.meterTenant], in: both) ?? tenant else {
            throw ItemRefusal(.missingAttribute, "meter.tenant is missing")
        }
        guard let agent = try agent(both) else {
            throw ItemRefusal(
                .missingAttribute,
                "meter.agent, gen_ai.agent.id, gen_ai.agent.name and service.name are missing"
            )
        }
        let model = try Self.text(of: [.responseModel, .requestModel], in: [span.attributes])
        let user = try Self.text(of: [.userID, .endUserID], in: [span.attributes])
        for (name, field) in [
            (tenant, "tenant"), (agent, "agent"), (model, "model"), (user, "user"),
        ] {
            guard let name else { continue }
            guard NameRule.accepts(name) else {
                throw ItemRefusal(
                    .badName,
                    "the \(field) has 1 to 255 bytes of text without control characters"
                )
            }
        }
        var access: AccessID?
        if let text = try Self.text(of: [.meterAccess], in: both) {
            guard let id = AccessID(text) else {
                throw ItemRefusal(.badAccess, "meter.access is a uuid: 32 hexadecimal digits")
            }
            access = id
        }
        let isTimed = span.start > 0 && span.start <= end
        return UsageEvent(
            time: Timestamp(milliseconds: Int64(end / 1_000_000)),
            tenant: tenant,
            agent: agent,
            amounts: [ComponentAmount("agent_calls", 1)] + (try Self.tokens(span.attributes)),
            access: access,
            model: model,
            user: user,
            outcome: span.isError ? .error : .ok,
            durationMilliseconds: isTimed ? (end - span.start) / 1_000_000 : nil
        )
    }

    /// A span's own name of its agent stands before that of the process; what an SDK makes up is none.
    private func agent(_ both: [TelemetryAttributes]) throws(ItemRefusal) -> String? {
        for attributes in both {
            let name = try Self.text(of: [.meterAgent, .agentID, .agentName], in: [attributes])
            if let name { return name }
        }
        let service = try Self.text(of: [.serviceName], in: Array(both.dropFirst()))
        return service.flatMap { $0.hasPrefix("unknown_service") ? nil : $0 }
    }

    private static func tokens(
        _ attributes: TelemetryAttributes
    ) throws(ItemRefusal) -> [ComponentAmount] {
        func count(_ names: TelemetryAttributes.Name...) throws(ItemRefusal) -> UInt64 {
            for name in names {
                switch attributes[name] {
                case nil: continue
                case .integer(let value):
                    guard value >= 0 else {
                        throw ItemRefusal(.negativeAmount, "\(name.rawValue) is not negative")
                    }
                    return UInt64(value)
                case .text, .other:
                    throw ItemRefusal(.notAnInteger, "\(name.rawValue) is a whole number")
                }
            }
            return 0
        }
        let usage = TokenUsage(
            openTelemetryInput: try count(.inputTokens, .promptTokens),
            cacheRead: try count(.cacheReadTokens),
            cacheCreation: try count(.cacheCreationTokens),
            output: try count(.outputTokens, .completionTokens),
            reasoning: try count(.reasoningTokens)
        )
        guard let usage else {
            throw ItemRefusal(
                .tokenParts,
                "tokens of the cache are parts of gen_ai.usage.input_tokens, of reasoning parts of "
                    + "gen_ai.usage.output_tokens"
            )
        }
        return usage.amounts.sorted { $0.component < $1.component }
    }

    /// The first of these that is there and not empty.
    private static func text(
        of names: [TelemetryAttributes.Name],
        in attributes: [TelemetryAttributes]
    ) throws(ItemRefusal) -> String? {
        for attributes in attributes {
            for name in names {
                switch attributes[name] {
                case nil, .text(""): continue
                case .text(let text): return text
                case .integer, .other:
                    throw ItemRefusal(.wrongType, "\(name.rawValue) is a string")
                }
            }
        }
        return nil
    }

    /// By what the call is known again, however often and by whomever it is exported: the provider's id of its
    /// answer, or the ids of its trace and span. Both are unique by themselves, so that what exported them is no
    /// part of it.
    private func identity(
        of event: UsageEvent,
        _ span: SpanRecord
    ) throws(ItemRefusal) -> EventIdentity {
        let id: [UInt8]
        let response = try Self.text(of: [.responseID], in: [span.attributes]) ?? ""
        if response.utf8.count >= Self.responseIDByteCountMin {
            id = [0] + Array(response.utf8)
        } else {
            guard span.traceID.count == 16, span.traceID.contains(where: { $0 != 0 }),
                span.spanID.count == 8, span.spanID.contains(where: { $0 != 0 })
            else {
                throw ItemRefusal(
                    .missingAttribute,
                    "gen_ai.response.id, or trace id and span id, are missing"
                )
            }
            id = [1] + span.traceID + span.spanID
        }
        // Who else tells of the same call measures other times.
        var content = event
        content.time = Timestamp(milliseconds: 0)
        content.durationMilliseconds = nil
        return hash.identity(
            principal: principal,
            tenant: event.tenant,
            span: id,
            content: content.normalisedContent
        )
    }
}

extension IdentifierHash {
    /// What the engine remembers of a span; never that of a CloudEvent, whose source is not so long.
    func identity(
        principal: PrincipalID,
        tenant: String,
        span: [UInt8],
        content: [UInt8]
    ) -> EventIdentity {
        var bytes: [UInt8] = []
        for number in [principal.rawValue, UInt64.max, UInt64(tenant.utf8.count)] {
            for shift in stride(from: 56, through: 0, by: -8) {
                bytes.append(UInt8(truncatingIfNeeded: number >> UInt64(shift)))
            }
        }
        bytes += Array(tenant.utf8) + span
        let (high, low) = hash(bytes)
        return EventIdentity(high: high, low: low, content: hash(content).high)
    }
}
