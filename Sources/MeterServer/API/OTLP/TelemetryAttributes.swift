/// The attributes of a span or resource that Meter reads; all others are passed over.
struct TelemetryAttributes: Equatable {
    /// Names by OpenTelemetry's semantic conventions, and Meter's own, which stand before them.
    enum Name: String, CaseIterable {
        case meterTenant = "meter.tenant"
        case meterAgent = "meter.agent"
        case meterAccess = "meter.access"
        case operation = "gen_ai.operation.name"
        case agentID = "gen_ai.agent.id"
        case agentName = "gen_ai.agent.name"
        case requestModel = "gen_ai.request.model"
        case responseModel = "gen_ai.response.model"
        case responseID = "gen_ai.response.id"
        case inputTokens = "gen_ai.usage.input_tokens"
        case outputTokens = "gen_ai.usage.output_tokens"
        case cacheReadTokens = "gen_ai.usage.cache_read.input_tokens"
        case cacheCreationTokens = "gen_ai.usage.cache_creation.input_tokens"
        case reasoningTokens = "gen_ai.usage.reasoning.output_tokens"
        /// What `input_tokens` was called before.
        case promptTokens = "gen_ai.usage.prompt_tokens"
        /// What `output_tokens` was called before.
        case completionTokens = "gen_ai.usage.completion_tokens"
        case userID = "user.id"
        case endUserID = "enduser.id"
        case serviceName = "service.name"
    }

    enum Value: Equatable {
        case text(String)
        case integer(Int64)
        /// Of another type, which no attribute that is read has.
        case other
    }

    private(set) var values: [Name: Value] = [:]
    /// Whether there is any attribute of the conventions for generative AI, read or not.
    private(set) var hasGenAI = false

    subscript(name: Name) -> Value? { values[name] }

    private static let genAI = Array("gen_ai.".utf8)
    private static let names = Dictionary(
        uniqueKeysWithValues: Name.allCases.map { (Array($0.rawValue.utf8), $0) }
    )
    private static let lengthMax = names.keys.map(\.count).max() ?? 0

    /// Takes note of a key; what it is called here if its value is to be read.
    mutating func note(key: ArraySlice<UInt8>) -> Name? {
        if key.starts(with: Self.genAI) { hasGenAI = true }
        return key.count <= Self.lengthMax ? Self.names[Array(key)] : nil
    }

    /// Of several values of one key the last counts.
    mutating func set(_ name: Name, _ value: Value) { values[name] = value }
}

/// One span, as far as it is read.
struct SpanRecord: Equatable {
    var traceID: [UInt8] = []
    var spanID: [UInt8] = []
    /// Nanoseconds since 1970; 0 for unknown.
    var start: UInt64 = 0
    var end: UInt64 = 0
    var isError = false
    var attributes = TelemetryAttributes()
}

/// One export request: its spans that say anything of generative AI, and what of them their resources say.
struct SpanExport: Equatable {
    enum Failure: Error, Equatable {
        /// In words, and where.
        case malformed(String)
        case tooMany(limit: Int)
    }

    private(set) var spans: [(record: SpanRecord, resource: TelemetryAttributes)] = []
    /// Spans without any attribute of generative AI.
    private(set) var otherSpanCount = 0
    private let spanCountMax: Int
    /// Of the resource that is being read; the resource itself may come after its spans.
    private var pending: [SpanRecord] = []

    init(spanCountMax: Int) { self.spanCountMax = spanCountMax }

    mutating func add(_ span: SpanRecord) throws(Failure) {
        guard span.attributes.hasGenAI else {
            otherSpanCount += 1
            return
        }
        guard spans.count + pending.count < spanCountMax else {
            throw .tooMany(limit: spanCountMax)
        }
        pending.append(span)
    }

    /// Ends the spans of one resource.
    mutating func end(_ resource: TelemetryAttributes) {
        for span in pending { spans.append((span, resource)) }
        pending.removeAll(keepingCapacity: true)
    }

    static func == (left: SpanExport, right: SpanExport) -> Bool {
        left.otherSpanCount == right.otherSpanCount
            && left.spans.elementsEqual(right.spans) { $0 == $1 }
    }
}
