"""The Open Inference Protocol, version 2: what its requests mean here, whichever way they travel.

    datatypes       the protocol's names of element types            values         a request and an answer, decoded
    raw             tensors as bytes                                 json_body      an ``/infer`` body, there and back
    parameters      the options that a request may carry             classification the best classes as text
    feed            what a request brings, as what a model takes     signature      a model described to a client
    inference       the use case: tensors in, tensors out            repository     the models: ready, index, load

    messages.proto  the gRPC messages (messages_pb2 is made of it)   proto_codec    them, there and back

Nothing here knows a transport: ``serving.api.oip_rest`` and ``serving.api.oip_grpc`` do.
"""
