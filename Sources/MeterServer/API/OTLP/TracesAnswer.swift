/// How a request is coded; its answer is coded likewise.
enum TracesEncoding: String, CaseIterable {
    case protobuf = "application/x-protobuf"
    case json = "application/json"

    /// An `ExportTraceServiceResponse`: without content where all was counted.
    func answer(rejected: Int, message: String) -> APIAnswer {
        switch self {
        case .protobuf:
            var body: [UInt8] = []
            if rejected > 0 {
                var partial: [UInt8] = []
                ProtobufWriting.append(1, varint: UInt64(rejected), to: &partial)
                ProtobufWriting.append(2, Array(message.utf8), to: &partial)
                ProtobufWriting.append(1, partial, to: &body)
            }
            return APIAnswer(contentType: rawValue, body: body)
        case .json:
            guard rejected > 0 else { return .json(.object([])) }
            return .json([
                "partialSuccess": [
                    "rejectedSpans": .decimal(UInt64(rejected)), "errorMessage": .string(message),
                ]
            ])
        }
    }

    /// A `google.rpc.Status`.
    func failure(_ problem: Problem) -> APIAnswer {
        var problem = problem
        if problem.status == 408 {
            // Exporters send again after a 503 and not after a 408.
            problem = .unavailable(problem.detail, retryAfter: 1)
        }
        let code = Self.code(of: problem.status)
        let message = "\(problem.title): \(problem.detail)"
        var answer: APIAnswer
        switch self {
        case .protobuf:
            var body: [UInt8] = []
            ProtobufWriting.append(1, varint: code, to: &body)
            ProtobufWriting.append(2, Array(message.utf8), to: &body)
            answer = APIAnswer(status: problem.status, contentType: rawValue, body: body)
        case .json:
            answer = .json(
                ["code": .integer(Int64(code)), "message": .string(message)],
                status: problem.status
            )
        }
        answer.retryAfter = problem.retryAfter
        return answer
    }

    /// gRPC's number for what HTTP says.
    private static func code(of status: Int) -> UInt64 {
        switch status {
        case 401: 16
        case 403: 7
        case 413, 429: 8
        case 500: 13
        case 503: 14
        default: 3
        }
    }
}
