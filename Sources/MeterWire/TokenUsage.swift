/// Token counts of one model call in disjoint components: none is contained in another, totals are sums.
///
/// Providers count differently: with some the cached tokens are among the input tokens, with others
/// beside them. The initialisers know which (`Documentation/Tokens.md` has the table).
public struct TokenUsage: Hashable, Sendable {
    /// Component `input_tokens`: read fresh, neither from a cache nor into one.
    public var input: UInt64
    /// Component `cached_input_tokens`: read from the provider's cache.
    public var cachedInput: UInt64
    /// Component `cache_creation_input_tokens`: read and written into the provider's cache.
    public var cacheCreationInput: UInt64
    /// Component `output_tokens`: answered, without reasoning.
    public var output: UInt64
    /// Component `reasoning_tokens`: thought, where the provider tells them apart.
    public var reasoning: UInt64

    /// Takes counts that are disjoint already.
    public init(
        input: UInt64 = 0,
        cachedInput: UInt64 = 0,
        cacheCreationInput: UInt64 = 0,
        output: UInt64 = 0,
        reasoning: UInt64 = 0
    ) {
        self.input = input
        self.cachedInput = cachedInput
        self.cacheCreationInput = cacheCreationInput
        self.output = output
        self.reasoning = reasoning
    }

    /// OpenAI's `usage`, where details are parts of the totals: `prompt_tokens` (or `input_tokens`),
    /// `…_tokens_details.cached_tokens`, `.cache_write_tokens`, `completion_tokens` (or `output_tokens`),
    /// `…_tokens_details.reasoning_tokens`. Nil if a part is larger than its total.
    public init?(
        openAIInput input: UInt64,
        cached: UInt64 = 0,
        cacheWritten: UInt64 = 0,
        output: UInt64,
        reasoning: UInt64 = 0
    ) {
        self.init(
            totalInput: input,
            cached: cached,
            cacheCreated: cacheWritten,
            totalOutput: output,
            reasoning: reasoning
        )
    }

    /// Anthropic's `usage`, where `input_tokens`, `cache_read_input_tokens` and
    /// `cache_creation_input_tokens` stand side by side, and `output_tokens` has the thinking in it.
    public init(
        anthropicInput input: UInt64,
        cacheRead: UInt64 = 0,
        cacheCreation: UInt64 = 0,
        output: UInt64
    ) {
        self.init(
            input: input,
            cachedInput: cacheRead,
            cacheCreationInput: cacheCreation,
            output: output
        )
    }

    /// OpenTelemetry's `gen_ai.usage.input_tokens`, `.cache_read.input_tokens`,
    /// `.cache_creation.input_tokens`, `.output_tokens` and `.reasoning.output_tokens`, where details are
    /// parts of the totals. Nil if a part is larger than its total, as from an instrumentation that
    /// copies a provider's counts unchanged.
    public init?(
        openTelemetryInput input: UInt64,
        cacheRead: UInt64 = 0,
        cacheCreation: UInt64 = 0,
        output: UInt64,
        reasoning: UInt64 = 0
    ) {
        self.init(
            totalInput: input,
            cached: cacheRead,
            cacheCreated: cacheCreation,
            totalOutput: output,
            reasoning: reasoning
        )
    }

    private init?(
        totalInput: UInt64,
        cached: UInt64,
        cacheCreated: UInt64,
        totalOutput: UInt64,
        reasoning: UInt64
    ) {
        let (parts, overflow) = cached.addingReportingOverflow(cacheCreated)
        guard !overflow, parts <= totalInput, reasoning <= totalOutput else { return nil }
        self.init(
            input: totalInput - parts,
            cachedInput: cached,
            cacheCreationInput: cacheCreated,
            output: totalOutput - reasoning,
            reasoning: reasoning
        )
    }

    /// The components that are not 0, to record.
    public var amounts: [ComponentAmount] {
        [
            ComponentAmount("input_tokens", input),
            ComponentAmount("cached_input_tokens", cachedInput),
            ComponentAmount("cache_creation_input_tokens", cacheCreationInput),
            ComponentAmount("output_tokens", output),
            ComponentAmount("reasoning_tokens", reasoning),
        ].filter { $0.amount > 0 }
    }
}
