/* Loads SavedModels as TensorFlow Serving does and runs them by the names of their tensors.

   Reads commands from the standard input, one a line, its words divided by blanks:

     model DIRECTORY                             load a SavedModel, tag "serve"
     input OPERATION INDEX TYPE RANK SIZES... FILE   feed the bytes of a file (TYPE as TF_DataType)
     output OPERATION INDEX FILE                 fetch; numbers as their bytes, one string as its
     run                                         run with what was said since the last run

   and answers "model" and "run" with a line: "ok", or "error CODE MESSAGE". */

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "tensorflow/c/c_api.h"
#include "tensorflow/c/tf_tstring.h"

enum { MOST = 16, WORD = 4096 };

static TF_Graph* graph;
static TF_Session* session;
static TF_Output inputs[MOST], outputs[MOST];
static TF_Tensor* fed[MOST];
static char files[MOST][WORD];
static int input_count, output_count;

static void die(const char* what, const char* name) {
  fprintf(stderr, "%s: %s\n", what, name);
  exit(2);
}

static void answer(TF_Status* status) {
  if (TF_GetCode(status) == TF_OK) {
    printf("ok\n");
  } else {
    printf("error %d ", (int)TF_GetCode(status));
    for (const char* c = TF_Message(status); *c; ++c) putchar(*c == '\n' ? ' ' : *c);
    putchar('\n');
  }
  fflush(stdout);
}

static TF_Output find(const char* operation, int index) {
  TF_Output found = {TF_GraphOperationByName(graph, operation), index};
  if (!found.oper) die("no such operation", operation);
  return found;
}

static void load(const char* directory) {
  const char* tags[] = {"serve"};
  TF_Status* status = TF_NewStatus();
  TF_SessionOptions* options = TF_NewSessionOptions();
  if (session) {
    TF_CloseSession(session, status);
    TF_DeleteSession(session, status);
    TF_DeleteGraph(graph);
  }
  graph = TF_NewGraph();
  session = TF_LoadSessionFromSavedModel(options, NULL, directory, tags, 1, graph, NULL, status);
  answer(status);
  TF_DeleteSessionOptions(options);
  TF_DeleteStatus(status);
}

static TF_Tensor* read_tensor(int type, const int64_t* sizes, int rank, const char* name) {
  FILE* file = fopen(name, "rb");
  if (!file) die("cannot read", name);
  fseek(file, 0, SEEK_END);
  size_t bytes = (size_t)ftell(file);
  rewind(file);
  TF_Tensor* tensor = TF_AllocateTensor((TF_DataType)type, sizes, rank, bytes);
  if (fread(TF_TensorData(tensor), 1, bytes, file) != bytes) die("cannot read", name);
  fclose(file);
  return tensor;
}

static void write_tensor(TF_Tensor* tensor, const char* name) {
  FILE* file = fopen(name, "wb");
  if (!file) die("cannot write", name);
  const void* data = TF_TensorData(tensor);
  size_t bytes = TF_TensorByteSize(tensor);
  if (TF_TensorType(tensor) == TF_STRING) {
    const TF_TString* string = data;
    data = TF_TString_GetDataPointer(string);
    bytes = TF_TString_GetSize(string);
  }
  if (fwrite(data, 1, bytes, file) != bytes) die("cannot write", name);
  fclose(file);
}

static void run(void) {
  TF_Status* status = TF_NewStatus();
  TF_Tensor* made[MOST] = {NULL};
  TF_SessionRun(session, NULL, inputs, fed, input_count, outputs, made, output_count, NULL, 0, NULL,
                status);
  for (int i = 0; i < output_count; ++i) {
    if (!made[i]) continue;
    write_tensor(made[i], files[i]);
    TF_DeleteTensor(made[i]);
  }
  for (int i = 0; i < input_count; ++i) TF_DeleteTensor(fed[i]);
  input_count = output_count = 0;
  answer(status);
  TF_DeleteStatus(status);
}

int main(void) {
  char command[16], name[WORD], file[WORD];
  int index, type, rank;
  long long size;
  int64_t sizes[8];
  while (scanf("%15s", command) == 1) {
    if (!strcmp(command, "model")) {
      if (scanf("%4095s", name) != 1) die("wrong words after", command);
      load(name);
    } else if (!strcmp(command, "input")) {
      if (scanf("%4095s %d %d %d", name, &index, &type, &rank) != 4) die("wrong words after", command);
      for (int i = 0; i < rank; ++i) {
        if (scanf("%lld", &size) != 1) die("wrong words after", command);
        sizes[i] = size;
      }
      if (scanf("%4095s", file) != 1) die("wrong words after", command);
      fed[input_count] = read_tensor(type, sizes, rank, file);
      inputs[input_count++] = find(name, index);
    } else if (!strcmp(command, "output")) {
      if (scanf("%4095s %d %4095s", name, &index, files[output_count]) != 3) {
        die("wrong words after", command);
      }
      outputs[output_count++] = find(name, index);
    } else if (!strcmp(command, "run")) {
      run();
    } else {
      die("unknown command", command);
    }
  }
  return 0;
}
